import Foundation
import ShopHarness
import TestSupport
import Testing

/// A Python with the packages of `Tests/Interop/requirements.txt`.
private let python = ProcessInfo.processInfo.environment["TEST_INTEROP_PYTHON"]

/// The local broker speaks too little of the protocol for that client.
private let canRun = python != nil && ProcessInfo.processInfo.environment["TEST_KAFKA_KIND"] != "local"

extension SystemTests {
    @Suite("Foreign clients", .enabled(if: canRun, "Tests/Interop/run prepares it, for Apache Kafka"))
    struct InteropTests {
        private let shop: RunningShop

        init() throws { shop = try .current }

        @Test func `the CloudEvents SDK and the AsyncAPI document know every event`() async throws {
            let sku = try await shop.sell(10)
            let orders = [
                try await shop.place(sku, wait: 20),
                try await shop.place(sku, token: "tok_declined", wait: 20),
                try await shop.place(sku, quantity: 100, wait: 20),
                try await shop.place(sku, token: "tok_slow"),
            ]
            _ = try await shop.cancel(orders[3])
            try await shop.expectRest()

            let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("Interop/read_events.py")
            let words = [script.path, shop.settings.bootstrapServers, sku] + orders.map(\.id)
            var read = (code: Int32(-1), output: "")
            // What was committed a moment ago is published a moment later.
            try await eventually("all events are read", within: .seconds(30)) {
                read = try await shop.run(python ?? "", words)
                return read.code != 0 || read.output.contains("notifications.sent 8\n")
            }
            #expect(read.code == 0, "\(read.output)")
            #expect(read.output.contains("orders.created 4\n"), "\(read.output)")
            let topics = read.output.split(separator: "\n").count
            #expect(topics == 12, "all types but voided or refunded: \(read.output)")
        }
    }
}
