import Observability
import Postgres

/// Has partitions of the outbox made before they are needed, and dropped when nobody needs them any more.
struct OutboxRetention: Sendable {
    /// How often it looks; a partition lasts for hours, and there are always two to come.
    static let interval = Duration.seconds(60)

    let pool: PostgresPool
    /// How long events are kept that were published.
    let keep: Duration
    let logger: Logger

    /// Safe to call from anywhere, at any time.
    static let extend = PostgresStatement("outbox.extend", "SELECT outbox_extend()")

    private static let drop = PostgresStatement(
        "outbox.drop", "SELECT outbox_drop($1, make_interval(secs => $2::bigint))")

    /// Makes the partitions that are still to be written to.
    ///
    /// Any instance may, and at any time. Where this fails for long, rows go to `outbox_rest`, and nothing else changes.
    func extend() async {
        do {
            let made = try await pool.query(Self.extend())[0].int64(0)
            if made > 0 { logger.info("outbox extended", metadata: [LogKey.count: "\(made)"]) }
        } catch {
            logger.warning("outbox not extended, trying again", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Drops what was published to `cluster` and is old enough.
    ///
    /// Needs the table for itself for a moment, and gives up after half a second where somebody reads it for longer.
    func drop(cluster: String) async {
        do {
            for row in try await pool.query(Self.drop(cluster, keep.components.seconds)) {
                let partition = try row.string(0)
                logger.info(
                    "old events dropped", metadata: ["partition": partition, LogKey.kafkaCluster: cluster])
            }
        } catch {
            logger.warning("old events not dropped, trying again", metadata: [LogKey.error: "\(error)"])
        }
    }
}
