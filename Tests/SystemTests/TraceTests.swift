import Foundation
import Kernel
import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    /// Where an order's time went, by what Kafka has of it: `shop trace`.
    @Suite("Traces of orders") struct TraceTests {
        private struct Step: Decodable {
            let event: String
            let cause: String?
            let took: Double?
            let sent: Double?
        }

        private struct Traces: Decodable {
            struct Resource: Decodable {
                struct Scope: Decodable {
                    struct Span: Decodable {
                        let traceId: String
                        let parentSpanId: String?
                        let name: String
                    }

                    let spans: [Span]
                }

                let scopeSpans: [Scope]
            }

            let resourceSpans: [Resource]
        }

        private struct Percentiles: Decodable {
            let service: String
            let step: String
            let events: Int
            let p99: Double
        }

        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test func `an order's way is one tree, below the client's own span`() async throws {
            let sku = try await shop.sell(1)
            let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
            let order = try await shop.post(
                shop.body(sku), wait: 20, headers: ["traceparent": "00-\(trace)-\(span)-01"]
            ).json(OrderBody.self)
            try await shop.expectRest()

            let steps: [Step] = try await json("trace", order.id, "--json")
            #expect(
                steps.map { "\($0.cause ?? "-") > \($0.event)" }.sorted() == [
                    "- > orders.created", "inventory.reserved > payments.captured",
                    "orders.confirmed > notifications.sent", "orders.created > inventory.reserved",
                    "orders.created > notifications.sent", "payments.captured > orders.confirmed",
                ])
            for step in steps {
                #expect((0..<20).contains(try #require(step.sent)), "\(step)")
                if step.cause != nil { #expect((0..<20).contains(try #require(step.took)), "\(step)") }
            }

            let traces: Traces = try await json("trace", order.id, "--otlp")
            let spans = traces.resourceSpans.flatMap { $0.scopeSpans.flatMap(\.spans) }
            #expect(spans.count == 11)
            #expect(spans.allSatisfy { $0.traceId == trace })
            #expect(spans.filter { $0.parentSpanId == span }.map(\.name) == ["send orders.created"])

            let placed = try Timestamp(unixMilliseconds: Int64(order.identifier.high >> 16))
            let all: [Percentiles] = try await json(
                "trace", "--all", "--since", placed.description, "--json")
            let whole = try #require(all.first { $0.step == "orders.created to orders.confirmed" })
            #expect(whole.events >= 1 && whole.p99 > 0)
            let none: [Percentiles] = try await json(
                "trace", "--all", "--since", "2999-01-01T00:00:00Z", "--json")
            #expect(none.isEmpty)
        }

        @Test func `an order that Kafka doesn't know has no trace`() async throws {
            let nobody = Identifier.v7(unixMilliseconds: 1, random: (1, 1)).description
            let (code, output) = try await shop.tool("trace", nobody)
            #expect(code == 1)
            #expect(
                output
                    == "shop: Kafka knows no event of an order \(nobody): `shop order list` shows their ids\n"
            )
        }

        private func json<Value: Decodable>(_ words: String...) async throws -> Value {
            let (code, output) = try await shop.tool(words, within: .seconds(60))
            #expect(code == 0, "\(output)")
            return try JSONDecoder().decode(Value.self, from: Data(output.utf8))
        }
    }
}
