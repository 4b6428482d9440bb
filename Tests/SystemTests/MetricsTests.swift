import Foundation
import Postgres
import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    /// What Prometheus is told.
    @Suite("Metrics") struct MetricsTests {
        private let shop: RunningShop

        init() throws { shop = try .current }

        private func metrics(_ name: ServiceName) async throws -> MetricsText {
            MetricsText(try await shop.metrics(name).text)
        }

        @Test(arguments: ServiceName.allCases)
        func `each service answers on a port of its own, in the form that Prometheus reads`(
            _ name: ServiceName
        ) async throws {
            let answer = try await shop.metrics(name)
            #expect(answer.status == 200)
            #expect(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
            let sample =
                #/[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (\+Inf|NaN|-?[0-9.]+(e[+-][0-9]+)?)/#
            for line in MetricsText(answer.text).lines where !line.hasPrefix("#") {
                #expect(line.wholeMatch(of: sample) != nil, "\(line)")
            }
            #expect(try await call("GET", port: shop.port(name), "/metrics").status == 404)
            // What has just been given back is a moment late.
            try await eventually("it publishes, and lets nobody wait", within: .seconds(20)) {
                let metrics = try await metrics(name)
                return metrics.sum("outbox_leader") == 1 && metrics.sum("postgres_pool_waiting") == 0
                    && metrics.sum("postgres_pool_connections_max") > 0
            }
        }

        @Test func `whatever an alert asks for, some service tells`() async throws {
            let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            let rules = folder.appendingPathComponent("../../deploy/alerts.yml").standardized
            let text = try String(contentsOf: rules, encoding: .utf8)
            let asked = Set(text.matches(of: #/\b[a-z]+(_[a-z]+)+(?=[\[{) ])/#).map { String($0.output.0) })
            var told: Set<String> = []
            for name in ServiceName.allCases {
                let lines = try await metrics(name).lines.filter { $0.hasPrefix("# TYPE ") }
                told.formUnion(lines.map { String($0.split(separator: " ")[2]) })
            }
            #expect(asked.count >= 6)
            #expect(asked.subtracting(told).subtracting(Self.words) == [])
        }

        /// What looks like a metric and is none.
        private static let words: Set<String> = ["min_over_time"]

        @Test func `a placed order shows in the numbers of each`() async throws {
            let sku = try await shop.sell(1)
            var before: [ServiceName: MetricsText] = [:]
            for name in ServiceName.allCases { before[name] = try await metrics(name) }
            _ = try await shop.place(sku, wait: 10)
            try await shop.expectRest()

            func rise(_ name: ServiceName, _ series: String, _ label: String = "") async throws -> Double {
                let now = try await metrics(name)
                return now.sum(series, label) - (before[name]?.sum(series, label) ?? 0)
            }
            #expect(try await rise(.orders, "orders_placed_total") == 1)
            #expect(try await rise(.orders, "orders_ended_total", #"status="confirmed""#) == 1)
            #expect(try await rise(.orders, "orders_duration_seconds_count") == 1)
            let requests = #"method="POST",route="/v1/orders",status="200""#
            #expect(try await rise(.orders, "http_requests_total", requests) == 1)
            #expect(try await rise(.orders, "consumer_records_total", "payments.captured") == 1)
            #expect(try await rise(.inventory, "consumer_records_total", "orders.created") == 1)
            #expect(try await rise(.payments, "outbox_published_total", "payments.captured") == 1)
            #expect(try await rise(.notifications, "consumer_batch_records_sum") >= 2)
            #expect(try await rise(.notifications, "consumer_dead_letters_total") == 0)
        }

        @Test func `a service that can't go on says how far it is behind`() async throws {
            let sku = try await shop.sell(1)
            func lag() async throws -> Double {
                try await metrics(.inventory).sum("kafka_consumergroup_lag", #"topic="orders.created""#)
            }
            let placed = try await shop.books.pool.transaction { transaction in
                try await transaction.query(
                    PostgresStatement.once("LOCK TABLE inventory.reservation IN EXCLUSIVE MODE")())
                let placed = try await shop.place(sku)
                try await eventually("inventory is behind", within: .seconds(20)) { try await lag() > 0 }
                return placed
            }
            #expect(try await shop.ended(placed).status == "confirmed")
            try await eventually("inventory has caught up", within: .seconds(20)) { try await lag() == 0 }
            try await shop.expectRest()
        }
    }
}
