import Contracts
import Foundation
import Kafka
import Kernel
import Messaging
import Observability
import Postgres
import TestSupport

/// The tables of messaging in a schema of their own, and one for the rows that events report.
struct MessagingHouse: Sendable {
    let database: PostgresConfiguration
    let pool: PostgresPool
    let log: RecordedLog

    private static let tables = """
        CREATE TABLE thing (key text PRIMARY KEY, version bigint NOT NULL DEFAULT 0);
        CREATE TABLE effect (
            order_id uuid PRIMARY KEY,
            customer text NOT NULL CONSTRAINT effect_customer CHECK (customer <> 'refused'));
        CREATE TABLE delivery (id bigint GENERATED ALWAYS AS IDENTITY, order_id uuid NOT NULL);
        """

    /// - Parameter partition: transactions in a partition of the outbox.
    static func with(
        partition: Int64 = 1 << 24, _ body: (MessagingHouse) async throws -> Void
    ) async throws {
        try await PostgresServer.fromEnvironment().withSchema { database in
            var database = database
            database.maxConnections = 8
            database.lockTimeout = .seconds(60)
            database.statementTimeout = .seconds(60)
            database.acquireTimeout = .seconds(60)
            database.idleInTransactionTimeout = .seconds(60)
            let log = RecordedLog()
            let house = MessagingHouse(
                database: database, pool: PostgresPool(configuration: database, logger: log.logger), log: log)
            do {
                try await database.migrate([
                    messagingMigration, outboxPartitions(number: 2, width: partition),
                    outboxTicksInOrder(number: 3), outboxWithoutVacuum(number: 4, width: partition),
                    outboxTicksWhileNeeded(number: 5, width: partition),
                    outboxAfterRestore(number: 6, width: partition),
                    deadLettersOutOfPlace(number: 7),
                    deadLettersToRetry(number: 8),
                ])
                try await house.withConnection { try await $0.run(tables) }
                try await body(house)
                await house.pool.close()
            } catch {
                await house.pool.close()
                throw error
            }
        }
    }

    nonisolated(nonsending) func withConnection<R>(
        _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
    ) async throws -> R {
        try await PostgresConnection.with(database, logger: log.logger, body)
    }

    /// Runs SQL that returns nothing of interest.
    func run(_ sql: String) async throws {
        _ = try await pool.query(PostgresStatement.once(sql)())
    }

    /// A number that one statement asks for.
    func number(_ sql: String) async throws -> Int64 {
        try await pool.query(PostgresStatement.once(sql)()).first?.int64(0) ?? -1
    }

    /// The first column of what one statement asks for.
    func strings(_ sql: String) async throws -> [String] {
        try await pool.query(PostgresStatement.once(sql)()).map { try $0.string(0) }
    }

    /// Writes events about one key, in one transaction.
    func write(_ key: String = "key", versions: ClosedRange<Int64>) async throws {
        try await pool.transaction { transaction in
            Outbox.append(try versions.map { try OutgoingEvent.some(key, version: $0) }, to: transaction)
        }
    }
}

extension PostgresConnection {
    /// Runs SQL that returns nothing of interest.
    nonisolated func run(_ sql: String) async throws { try await simple(sql, timeout: .seconds(60)) }
}

/// An event with any key.
struct Something: Event {
    static let topic = Topic.ordersCancelled
    var key: String { name }
    let name: String
}

extension OutgoingEvent {
    static func some(_ key: String, version: Int64) throws -> OutgoingEvent {
        try OutgoingEvent(Something(name: key), version: version, cause: nil, at: .now())
    }
}
