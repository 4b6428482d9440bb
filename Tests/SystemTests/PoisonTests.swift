import Contracts
import Foundation
import Kafka
import Kernel
import Postgres
import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    /// Records that nobody can handle, and the operator's tools for them.
    @Suite("Poison") struct PoisonTests {
        private static let hearing = ["inventory", "notifications", "sales"]
        private static let partition = Topic.partitions - 1

        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test func `a record nobody understands is put aside, and its partition goes on`() async throws {
            let sku = try await shop.sell(500)
            #expect(try await letters() == [], "a test before this one has left some")
            let deliveries = try await shop.topics.write(Self.poison)
            let last = try #require(deliveries.map(\.offset).max())
            for service in Self.hearing {
                try await eventually("\(service) has put all aside", within: .seconds(30)) {
                    try await letters(of: service).count == Self.poison.count
                }
            }
            // Only an order on the same partition shows that it goes on; not every one lands there.
            for service in Self.hearing {
                try await eventually("\(service) goes on behind them", within: .seconds(60)) {
                    _ = try await shop.place(sku, wait: 10)
                    return try await next(of: service) > last + 1
                }
            }
            try await shop.expectRest()

            let errors = try await letters(of: "inventory")
            #expect(errors.count { $0.contains("is not this event") } == 1, "\(errors)")
            #expect(errors.count { $0.contains("ce_specversion has no valid value") } == 1, "\(errors)")
            #expect(errors.count { $0.contains("is missing") } == 1, "\(errors)")
            #expect(errors.count { $0.contains("more than 262144") } == 1, "\(errors)")
            try await operate()
        }

        @Test func `a record that can be handled after all is handled by a retry`() async throws {
            let sku = try await shop.sell(1)
            let order = try await shop.place(sku, wait: 20)
            try await shop.expectRest()
            let created = try await shop.topics.records(of: order.identifier)
                .filter { $0.topic == "orders.created" }
            let record = try #require(created.first)
            let headers = record.headers.map { [$0.name, String(decoding: $0.value, as: UTF8.self)] }
            let insert = PostgresStatement.once(
                """
                INSERT INTO inventory.dead_letter
                    (cluster_id, topic, partition, "offset", key, headers, value, error_class, error)
                VALUES ('test', $1, $2, $3, $4, $5, $6, 'test', 'made by a test') RETURNING id
                """)
            let id = try await shop.books.pool.query(
                insert(
                    record.topic, record.partition, record.offset, record.key,
                    String(decoding: JSONEncoder().encode(headers), as: UTF8.self), record.value))[0].int64(0)

            let retried = try await shop.tool("dead-letters", "retry", "inventory/\(id)")
            #expect(retried.code == 0, "\(retried.output)")
            #expect(retried.output.contains("inventory/\(id): handled"), "\(retried.output)")
            #expect(try await shop.books.stock(sku) == Books.Stock(available: 0, sold: 1))
            #expect(
                try await shop.books.texts("SELECT state FROM inventory.dead_letter WHERE id = \(id)")
                    == ["redriven"])
        }

        /// What an operator does about them, with the tool.
        private func operate() async throws {
            struct Letter: Decodable {
                let id: String
                let state: String
                let topic: String
                let partition: Int
            }
            func list(_ state: String) async throws -> [Letter] {
                let listed = try await shop.tool("dead-letters", "list", "--state", state, "--json")
                #expect(listed.code == 0, "\(listed.output)")
                return try JSONDecoder().decode([Letter].self, from: Data(listed.output.utf8))
            }
            let parked = try await list("parked")
            #expect(parked.count == Self.hearing.count * Self.poison.count)
            #expect(parked.allSatisfy { $0.topic == "orders.created" && $0.partition == Self.partition })
            let first = try #require(parked.first)

            let shown = try await shop.tool("dead-letters", "show", first.id)
            #expect(shown.code == 0)
            #expect(shown.output.contains("orders.created"))
            let retried = try await shop.tool("dead-letters", "retry", first.id)
            #expect(retried.code == 1, "what can't be decoded is parked again: \(retried.output)")
            #expect(retried.output.contains("parked again"), "\(retried.output)")
            for letter in parked {
                let discarded = try await shop.tool(
                    "dead-letters", "discard", letter.id, "--reason", "made by a test")
                #expect(discarded.code == 0, "\(discarded.output)")
            }
            #expect(try await list("parked").isEmpty)
            #expect(try await list("discarded").count == parked.count)
        }

        /// Each is wrong in another way.
        private static var poison: [ProducerRecord] {
            let now = Timestamp(unixMicroseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
            let id = Identifier.fresh()
            func record(
                _ value: [UInt8], _ change: (inout [(name: String, value: String)]) -> Void = { _ in }
            ) -> ProducerRecord {
                var headers = CloudEvent(
                    id: .fresh(), type: "orders.created", time: now, subject: id.description,
                    correlationID: id, causationID: nil, traceparent: nil, version: 1
                ).headers
                change(&headers)
                return ProducerRecord(
                    topic: "orders.created", key: id.description, value: value, headers: headers,
                    partition: partition)
            }
            return [
                record(Array(#"{"orderId": 7, "lines"#.utf8)),
                record(Array("{}".utf8)) { headers in
                    headers = headers.map { $0.name == "ce_specversion" ? ($0.name, "9.9") : $0 }
                },
                record(Array("{}".utf8)) { $0 = [] },
                record(Array(repeating: UInt8(ascii: "a"), count: 300_000)),
            ]
        }

        private func letters(of service: String? = nil) async throws -> [String] {
            var letters: [String] = []
            for name in service.map({ [$0] }) ?? ServiceName.allCases.map(\.rawValue) {
                letters += try await shop.books.texts(
                    "SELECT error FROM \(name).dead_letter WHERE state = 'parked'")
            }
            return letters
        }

        private func next(of service: String) async throws -> Int64 {
            try await shop.books.number(
                "SELECT coalesce(max(next), 0) FROM \(service).consumer_offset"
                    + " WHERE topic = 'orders.created' AND partition = \(Self.partition)")
        }
    }
}
