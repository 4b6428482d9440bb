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

            let words = [script("read_events.py"), shop.settings.bootstrapServers, sku] + orders.map(\.id)
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

        @Test func `OpenTelemetry's own classes read a trace`() async throws {
            let order = try await shop.place(try await shop.sell(1), wait: 20)
            try await shop.expectRest()
            let (_, trace) = try await shop.tool("trace", order.id, "--otlp")
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(order.id).json")
            try Data(trace.utf8).write(to: file)
            defer { try? FileManager.default.removeItem(at: file) }

            let read = try await shop.run(python ?? "", [script("read_trace.py"), file.path])
            #expect(read.code == 0, "\(read.output)")
            #expect(
                read.output.split(separator: "\n").sorted() == [
                    "inventory process orders.created < send orders.created",
                    "inventory send inventory.reserved < process orders.created",
                    "notifications process orders.confirmed < send orders.confirmed",
                    "notifications process orders.created < send orders.created",
                    "notifications send notifications.sent < process orders.confirmed",
                    "notifications send notifications.sent < process orders.created",
                    "orders process payments.captured < send payments.captured",
                    "orders send orders.confirmed < process payments.captured",
                    "orders send orders.created < nothing",
                    "payments process inventory.reserved < send inventory.reserved",
                    "payments send payments.captured < process inventory.reserved",
                ])
        }

        private func script(_ name: String) -> String {
            URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .appendingPathComponent("Interop/\(name)").path
        }
    }
}
