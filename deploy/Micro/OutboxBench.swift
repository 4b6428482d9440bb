import Contracts
import Kernel
import Messaging
import Observability
import Postgres
import TestSupport

/// An outbox with rows for a relay, in a schema of its own.
struct OutboxBench: Sendable {
    private let pool: PostgresPool
    private let store: OutboxStore
    /// Of a window with as many rows.
    private let cursor: OutboxStore.Cursor

    static func with(_ body: @Sendable (OutboxBench) async throws -> Void) async throws {
        let logger = RecordedLog().logger
        try await PostgresServer.fromEnvironment().withSchema { database in
            try await database.migrate([messagingMigration, outboxPartitions(number: 2)])
            try await PostgresConnection.with(database, logger: logger) { connection in
                let pool = PostgresPool(configuration: database, logger: logger)
                do {
                    try await body(OutboxBench(pool, connection))
                    await pool.close()
                } catch {
                    await pool.close()
                    throw error
                }
            }
        }
    }

    private init(_ pool: PostgresPool, _ connection: PostgresConnection) async throws {
        self.pool = pool
        try await KafkaCluster(id: "micro").admit(policy: .stop, pool: pool)
        store = OutboxStore(connection: connection, clusterID: "micro")
        guard var cursor = try await store.takeCursor() else { throw NoCursor() }
        try await Self.append([OutgoingEvent](repeating: Step.event(), count: OutboxRelay.batchMax), to: pool)
        cursor.until = try await store.read(after: cursor, limit: 1).until
        self.cursor = cursor
    }

    /// Adds events as a transaction of a service does.
    func append(_ events: [OutgoingEvent]) async throws { try await Self.append(events, to: pool) }

    private static func append(_ events: [OutgoingEvent], to pool: PostgresPool) async throws {
        try await pool.transaction { Outbox.append(events, to: $0) }
    }

    /// Reads all rows, as the relay does.
    func read() async throws {
        let (rows, _) = try await store.read(after: cursor, limit: OutboxRelay.batchMax)
        precondition(rows.count == OutboxRelay.batchMax, "\(rows.count) rows")
    }
}

private struct NoCursor: Error {}
