import Contracts
import Kafka
import Postgres

/// H5 and H6: nothing waits to be published or read, and what could not be handled is known.
enum HeadChecks {
    private static let publishedSays = "every outbox is published to its end"
    private static let readSays = "every service has read its topics to their end"
    private static let lettersSays = "no record waits as a dead letter"

    static func skipped(because reason: String) -> [Finding] {
        [.skipped("H5", publishedSays, because: reason), .skipped("H5", readSays, because: reason)]
    }

    static func heads(cluster: String, _ shop: Shop) async throws -> [Finding] {
        var unpublished = Violations()
        var unread = Violations()
        for service in Shop.services {
            try await shop.withDatabase(schema: service) { connection in
                let states = try await OutboxState.read(service, connection)
                if let state = states.first(where: { $0.cluster == cluster }) {
                    if state.unpublished > 0 {
                        unpublished.add("\(service): \(state.unpublished)", count: state.unpublished)
                    }
                } else {
                    let rows = try await OutboxState.rows(connection)
                    if rows > 0 { unpublished.add("\(service): all \(rows), on this cluster", count: rows) }
                }
            }
            let limits = try await shop.withKafka { try await TopicCommands.offsets(of: service, $0) }
            let stored = try await StoredOffsets.read(service, cluster: cluster, shop)
            for topic in Topic.consumed(by: service) {
                for (partition, limit) in limits.sorted(by: { $0.key < $1.key })
                where partition.topic == topic.name {
                    let behind = limit.end - max(stored[partition] ?? 0, limit.beginning)
                    if behind > 0 { unread.add("\(service) in \(partition): \(behind)", count: behind) }
                }
            }
        }
        return [unpublished.finding("H5", publishedSays), unread.finding("H5", readSays)]
    }

    /// Finds the dead letters that wait for a person; nil `expected` means that there should be none, a
    /// number that so many records were spoilt on purpose.
    static func letters(expected: Int?, on connection: PostgresConnection) async throws -> Finding {
        var violations = Violations()
        var count: Int64 = 0
        for service in Shop.services {
            let statement = PostgresStatement.once(
                """
                SELECT id, topic, error FROM \(service).dead_letter WHERE state IN ('parked', 'retry') ORDER BY id
                """)
            for row in try await connection.query(statement()) {
                count += 1
                let (number, topic, error) = (try row.int64(0), try row.string(1), try row.string(2))
                violations.add("\(service)/\(number) of \(topic): \(error)")
            }
        }
        guard let expected else { return violations.finding("H6", lettersSays) }
        let says = "\(expected) records wait as dead letters"
        return Finding(
            check: "H6", says: says, violations: abs(count - Int64(expected)), examples: violations.examples)
    }
}
