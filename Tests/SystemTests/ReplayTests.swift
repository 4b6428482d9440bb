import Contracts
import Kafka
import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    @Suite("Everything is said again") struct ReplayTests {
        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test func `a rewind at rest changes nothing`() async throws {
            let sku = try await shop.sell(20)
            for token in ["tok_ok", "tok_declined", "tok_timeout_lost"] {
                _ = try await shop.place(sku, token: token, wait: 20)
            }
            _ = try await shop.cancel(shop.place(sku, token: "tok_slow"))
            try await shop.expectRest()
            try await eventually("the last levels of stock are published", within: .seconds(30)) {
                try await shop.books.number(
                    "SELECT count(*) FROM inventory.product WHERE published_version < version") == 0
            }
            try await allIsRead()
            let before = try await shop.books.fingerprints()
            let ends = try await written()
            let rows = try await outboxRows()

            let rewound = try await shop.tool("outbox", "rewind", "--all")
            #expect(rewound.code == 0, "\(rewound.output)")
            for name in ServiceName.allCases {
                try await eventually("\(name) has said everything again", within: .seconds(60)) {
                    try await written()[name.rawValue, default: 0]
                        >= ends[name.rawValue, default: 0] + rows[name.rawValue, default: 0]
                }
            }
            try await allIsRead()

            #expect(try await shop.books.underWay() == [])
            let after = try await shop.books.fingerprints()
            for (table, fingerprint) in before {
                #expect(after[table] == fingerprint, "\(table) has changed")
            }
        }

        /// Waits until each service stands at the end of each topic it hears.
        private func allIsRead() async throws {
            try await eventually("all is read", within: .seconds(60)) {
                let ends = try await shop.topics.ends().filter { $0.value > 0 }
                for name in ServiceName.allCases {
                    let heard = Set(Topic.consumed(by: name.rawValue).map(\.name))
                    for (partition, end) in ends where heard.contains(partition.topic) {
                        let next = try await shop.books.number(
                            """
                            SELECT coalesce(max(next), 0) FROM \(name).consumer_offset
                            WHERE topic = '\(partition.topic)' AND partition = \(partition.partition)
                            """)
                        guard next >= end else { return false }
                    }
                }
                return true
            }
        }

        @Test func `a service may extend its own outbox and drop from it, and no other may`() async throws {
            for name in ServiceName.allCases {
                let allowed = try await shop.books.number(
                    """
                    SELECT count(*) FROM unnest(ARRAY['orders', 'inventory', 'payments', 'notifications']) AS role (name)
                    CROSS JOIN unnest(ARRAY['outbox_extend()', 'outbox_drop(text, interval)']) AS function (name)
                    WHERE (has_function_privilege(role.name, '\(name).' || function.name, 'EXECUTE')
                            AND has_schema_privilege(role.name, '\(name)', 'USAGE'))
                        = (role.name = '\(name)')
                    """)
                #expect(allowed == 8)
                #expect(!(try shop.log(name).contains("permission denied")))
            }
        }

        /// How many records each service has ever written.
        private func written() async throws -> [String: Int64] {
            let publishers = Dictionary(uniqueKeysWithValues: Topic.all.map { ($0.name, $0.publisher) })
            return try await shop.topics.ends().reduce(into: [:]) { written, partition in
                written[publishers[partition.key.topic] ?? "", default: 0] += partition.value
            }
        }

        private func outboxRows() async throws -> [String: Int64] {
            var rows: [String: Int64] = [:]
            for name in ServiceName.allCases {
                rows[name.rawValue] = try await shop.books.number("SELECT count(*) FROM \(name).outbox")
            }
            return rows
        }
    }
}
