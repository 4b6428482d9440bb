import Contracts
import Testing

@Suite("The table of topics")
struct TopicTests {
    static let services = ["orders", "inventory", "payments", "notifications", "sales"]

    @Test func `names are unique and start with their publisher`() {
        #expect(Set(Topic.all.map(\.name)).count == Topic.all.count)
        for topic in Topic.all {
            #expect(topic.name.hasPrefix(topic.publisher + "."))
            #expect(Self.services.contains(topic.publisher))
        }
    }

    @Test func `consumers are services, and nobody hears himself`() {
        for topic in Topic.all {
            #expect(Set(topic.consumers).isSubset(of: Self.services))
            #expect(!topic.consumers.contains(topic.publisher))
        }
    }

    @Test func `each service hears what it decides on`() {
        func heard(_ service: String) -> Set<String> { Set(Topic.consumed(by: service).map(\.name)) }
        #expect(
            heard("orders") == [
                "inventory.rejected", "inventory.released", "inventory.stock", "payments.captured",
                "payments.declined", "payments.voided", "payments.refunded",
            ])
        #expect(
            heard("inventory") == [
                "orders.created", "orders.confirmed", "orders.cancelling", "payments.declined",
            ])
        #expect(heard("payments") == ["inventory.reserved", "orders.cancelling"])
        #expect(heard("notifications") == ["orders.created", "orders.confirmed", "orders.cancelled"])
        #expect(heard("sales") == ["orders.created", "orders.confirmed", "orders.cancelled"])
    }

    @Test func `every topic is keyed by order but the stock and the sales`() {
        #expect(Topic.all.filter { $0.retention == .compacted } == [.inventoryStock])
        #expect(Topic.all.filter { $0.key == .sku } == [.inventoryStock])
        #expect(Topic.all.filter { $0.key == .window } == [.salesCounted])
    }

    @Test func `each service has its dead letters`() {
        for service in Self.services { #expect(Topic.all.contains(.deadLetters(of: service))) }
    }
}
