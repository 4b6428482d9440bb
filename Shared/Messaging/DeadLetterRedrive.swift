import Contracts
import FoundationEssentials
import Kafka
import Kernel
import Observability
import Postgres

/// Gives dead letters another try after `shop dead-letters retry` has marked them.
///
/// Each goes through the same handler as a record from Kafka, in one transaction with the change of its state; handlers
/// are idempotent, so a letter that was handled meanwhile changes nothing.
struct DeadLetterRedrive<Handler: BatchHandler>: Sendable {
    let handler: Handler
    let pool: PostgresPool
    let logger: Logger
    /// What is due once a letter's transaction is committed.
    let committed: @Sendable (Handled) -> Void

    private static var next: PostgresStatement {
        PostgresStatement(
            "dead_letter.next",
            """
            SELECT id, topic, partition, "offset", key, headers, value FROM dead_letter
            WHERE state = 'retry' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
            """)
    }

    private static var finish: PostgresStatement {
        PostgresStatement(
            "dead_letter.finish",
            """
            UPDATE dead_letter SET state = $2, error = coalesce($3, error), attempts = attempts + 1, changed_at = now()
            WHERE id = $1 AND state = 'retry'
            """)
    }

    /// Handles marked letters, oldest first, until none is left.
    ///
    /// A failing one is parked again with the new reason.
    func run() async throws {
        while let id = try await one() {
            logger.info("dead letter tried again", metadata: ["dead_letter.id": "\(id)"])
        }
    }

    /// The id of the letter that was tried; nil when none is marked.
    ///
    /// One that is refused gets a second try before it is parked, as in `EventConsumer`: what refused it may have been
    /// another transaction of its order that is through by now.
    private func one() async throws -> Int64? {
        var refused: Int64?
        while true {
            var tried: Int64?
            do {
                return try await handleNext { tried = $0 }
            } catch {
                if let refusal = error as? PostgresError, refusal.classification == .transient { throw error }
                guard let id = tried else { throw error }
                if refused == id {
                    try await pool.query(Self.finish(id, "parked", "\(error)".withoutNUL))
                    return id
                }
                refused = id
            }
        }
    }

    /// Handles the oldest marked letter that no other process has in hand, if there is one.
    private func handleNext(_ trying: (Int64) -> Void) async throws -> Int64? {
        let done = try await pool.transaction { transaction -> (id: Int64, handled: Handled)? in
            guard let row = try await transaction.query(Self.next()).first else { return nil }
            let id = try row.int64(0)
            trying(id)
            let incoming = try handler.decode(try Self.record(row))
            let handled = try await handler.handle([incoming], in: transaction)
            transaction.enqueue(Self.finish(id, "redriven", nil as String?))
            Outbox.append(handled.events, to: transaction)
            return (id, handled)
        }
        if let handled = done?.handled { committed(handled) }
        return done?.id
    }

    private static func record(_ row: PostgresRow) throws -> KafkaRecord {
        let pairs = try JSONDecoder().decode([[String]].self, from: Data(try row.string(5).utf8))
        return KafkaRecord(
            topic: try row.string(1), partition: try row.int32(2), offset: try row.int64(3), timestamp: 0,
            key: try row.optionalBytes(4), value: try row.optionalBytes(6),
            headers: pairs.filter { $0.count == 2 }.map { (name: $0[0], value: Array($0[1].utf8)) })
    }
}
