import Foundation
import Kernel
import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    /// State is a fold of the events: `shop replay`.
    @Suite("Orders rebuilt from their events") struct RebuildTests {
        private struct Report: Decodable {
            struct Summary: Decodable {
                let orders: Int
                let agree: Int
                let underWay: Int
                let different: Int
            }

            struct Difference: Decodable {
                let order: String
                let difference: String
            }

            let summary: [Summary]
            let differences: [Difference]
        }

        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test func `all orders are what the deciders make of their events, and a changed row is noticed`()
            async throws
        {
            let sku = try await shop.sell(20)
            let confirmed = try await shop.place(sku, quantity: 2, wait: 20)
            let orders = [
                confirmed, try await shop.place(sku, token: "tok_declined", wait: 20),
                try await shop.place(sku, quantity: 100, wait: 20),
                try await shop.place(sku, token: "tok_slow"),
            ]
            _ = try await shop.cancel(orders[3])
            try await shop.expectRest()

            try await eventually("nothing is under way for the replay", within: .seconds(60)) {
                let (code, report) = try await replayAll()
                #expect(code == 0, "\(report.differences)")
                return report.summary[0].underWay == 0
            }
            let (_, all) = try await replayAll()
            #expect(all.summary[0].agree >= orders.count)
            let line = try await shop.tool("replay", confirmed.id)
            #expect(line.code == 0, "\(line.output)")
            #expect(line.output.contains("That is what the services have stored."), "\(line.output)")
            let then = try await shop.tool("replay", confirmed.id, "--until", "1")
            #expect(then.output.contains("orders.orders.status                  pending"), "\(then.output)")

            // A row more, as each row's transaction is looked up in the outbox by the rules of its service.
            try await shop.stop(.payments)
            try await shop.books.run(
                """
                INSERT INTO payments.payment (order_id, status, created_at, updated_at)
                VALUES ('\(orders[2].id)', 'voided', now(), now())
                """)
            let (code, report) = try await replayAll()
            try await shop.books.run("DELETE FROM payments.payment WHERE order_id = '\(orders[2].id)'")
            try await shop.start(.payments)
            #expect(code == 1)
            #expect(Set(report.differences.map(\.order)) == [orders[2].id])
            #expect(
                report.differences.map(\.difference) == [
                    "payments.payment.status: nothing by the events, voided in the table",
                    "payments.payment.version: nothing by the events, 1 in the table",
                ])
        }

        @Test func `an order that nobody knows is told`() async throws {
            let nobody = Identifier.v7(unixMilliseconds: 1, random: (1, 1)).description
            let unknown = try await shop.tool("replay", nobody)
            #expect(unknown.code == 1)
            #expect(
                unknown.output
                    == "shop: nothing is known of an order \(nobody): `shop order list` shows their ids\n")
        }

        private func replayAll() async throws -> (code: Int32, report: Report) {
            let (code, output) = try await shop.tool("replay", "--all", "--json")
            return (code, try JSONDecoder().decode(Report.self, from: Data(output.utf8)))
        }
    }
}
