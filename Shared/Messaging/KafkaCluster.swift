import Contracts
package import Postgres

/// Which Kafka cluster a service's cursors and offsets belong to.
///
/// Both are keyed by the cluster's id: on a new or wiped cluster the old ones mean nothing, and going on with them would
/// publish nothing and skip everything, silently.
package struct KafkaCluster: Sendable {
    /// What to do on a cluster this service has never published to.
    package enum Policy: String, Sendable, CaseIterable {
        /// Wait, not ready, until `shop outbox rewind` has said where to begin.
        case stop
        /// Publish everything retained again, from the oldest row. Right where the broker forgets at each start.
        case rewind
    }

    package let id: String

    package init(id: String) { self.id = id }

    private static let find = PostgresStatement(
        "outbox_cursor.find",
        """
        SELECT (SELECT count(*) FROM outbox_cursor WHERE cluster_id = $1),
            (SELECT count(*) FROM outbox_cursor),
            (SELECT count(*) FROM outbox_cursor
                WHERE system_id <> (SELECT system_identifier::text FROM pg_control_system()))
        """)

    private static let insert = PostgresStatement(
        "outbox_cursor.insert",
        """
        INSERT INTO outbox_cursor (cluster_id, system_id, snapshot, version, epoch)
        SELECT $1, system_identifier::text, '1:1:', 0, 0 FROM pg_control_system()
        ON CONFLICT (cluster_id) DO NOTHING
        """)

    /// Makes sure that there is a cursor for this cluster, or says why there must not be one yet.
    ///
    /// A service's first cluster is always taken: nothing was published anywhere else.
    /// - Throws: `ClusterError`, whose description is the instruction for the operator; ask again after it was followed.
    package func admit(policy: Policy, pool: PostgresPool) async throws {
        let rows = try await pool.query(Self.find(id))
        guard let row = rows.first else { return }
        guard try row.int64(2) == 0 else { throw ClusterError.databaseChanged(cluster: id) }
        if try row.int64(0) > 0 { return }
        guard try row.int64(1) == 0 || policy == .rewind else { throw ClusterError.unknown(cluster: id) }
        try await pool.query(Self.insert(id))
    }

    /// Checks, after records were sent or read, that the addresses didn't lead to another cluster meanwhile.
    ///
    /// - Throws: `ClusterError.replaced`; the caller makes a new client and starts over from that cluster's cursor.
    func requireSame(as current: String) throws {
        guard current == id else { throw ClusterError.replaced(cluster: id, by: current) }
    }
}

/// Why a service must not publish or consume on this cluster yet.
package enum ClusterError: Error, CustomStringConvertible {
    case unknown(cluster: String)
    case databaseChanged(cluster: String)
    case replaced(cluster: String, by: String)

    package var description: String {
        switch self {
        case .unknown(let cluster):
            "the Kafka cluster \(cluster) is new to this database: run `shop outbox rewind --all` to publish what is "
                + "retained to it, or point KAFKA_BOOTSTRAP_SERVERS at the cluster used before"
        case .databaseChanged(let cluster):
            "this database was restored or upgraded, so the outbox cursor for cluster \(cluster) has no meaning here: "
                + "run `shop outbox rewind --all` to publish what is retained again"
        case .replaced(let cluster, let other): "the Kafka cluster \(cluster) was replaced by \(other)"
        }
    }
}
