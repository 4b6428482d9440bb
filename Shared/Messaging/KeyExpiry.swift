import Kernel
package import Observability
package import Postgres

/// Forgets idempotency keys that nobody will repeat any more, once a minute.
package struct KeyExpiry: Sendable {
    /// As many as are deleted in a fraction of the statement timeout.
    private static let chunk: Int64 = 10_000

    private let pool: PostgresPool
    private let expire: PostgresStatement
    private let retention: Duration
    private let logger: Logger

    /// - Parameters:
    ///   - table: has a column `created_at`, and a btree on it.
    ///   - retention: how old a key gets; a repetition that comes later counts as a new request.
    package init(table: String, pool: PostgresPool, retention: Duration, logger: Logger) {
        self.pool = pool
        self.retention = retention
        self.logger = logger
        expire = PostgresStatement(
            "\(table).expire",
            """
            DELETE FROM \(table) WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM \(table) WHERE created_at < $1 ORDER BY created_at LIMIT $2))
            """)
    }

    package func run(until stop: StopFlag) async {
        while !stop.isSet {
            do {
                let time = Timestamp.now().advanced(by: .zero - retention)
                while try await pool.query(expire(time, Self.chunk)).affectedRows == Self.chunk, !stop.isSet {
                }
            } catch {
                logger.warning("idempotency keys not expired", metadata: [LogKey.error: "\(error)"])
            }
            await stop.sleep(.seconds(60))
        }
    }
}
