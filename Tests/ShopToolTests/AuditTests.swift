import Contracts
import Kafka
import Kernel
import Testing

@testable import ShopTool

@Suite("The audit of paths and topics") struct AuditTests {
    private func fault(_ orders: String, _ inventory: String, _ payments: String, atRest: Bool = true)
        -> String?
    {
        OrderPath(orders: orders, inventory: inventory, payments: payments).fault(atRest: atRest)
    }

    @Test(arguments: [
        ("created confirmed", "reserved", "captured"),
        ("created cancelled", "rejected", ""),
        ("created cancelled", "reserved released", "declined"),
        ("created cancelling cancelled", "released", "voided"),
        ("created cancelling cancelled", "reserved released", "captured refunded"),
        ("created cancelling cancelled", "reserved released", "refunded"),
        ("created cancelling cancelled", "reserved released", "declined"),
        ("created cancelling cancelled", "rejected", "voided"),
    ])
    func `every way through the dance is a path`(orders: String, inventory: String, payments: String) {
        #expect(fault(orders, inventory, payments) == nil)
    }

    @Test(arguments: [
        ("created confirmed cancelled", "reserved", "captured"),
        ("created confirmed", "reserved", ""),
        ("created confirmed", "reserved released", "captured"),
        ("created cancelled", "reserved", "declined"),
        ("created cancelling cancelled", "reserved released", "captured"),
        ("created cancelled", "reserved released", "captured"),
        ("created cancelled", "rejected", "voided"),
        ("created", "reserved", "refunded"),
        ("created", "released", ""),
        ("created", "", "captured"),
        ("confirmed", "reserved", "captured"),
        ("created created", "", ""),
        ("", "reserved", ""),
    ])
    func `what is no path is found at any moment`(orders: String, inventory: String, payments: String) {
        #expect(fault(orders, inventory, payments, atRest: false) != nil)
    }

    @Test func `an order may be under way, but not at rest`() {
        #expect(fault("created", "reserved", "", atRest: false) == nil)
        #expect(fault("created", "reserved", "") == "it has not ended")
        #expect(fault("created cancelling", "reserved released", "captured", atRest: false) == nil)
    }

    // MARK: - Topics

    private let sku = "tea"

    private func record(_ number: UInt64, version: Int64, partition: Int32 = 3, offset: Int64) -> KafkaRecord
    {
        let event = CloudEvent(
            id: Identifier(high: 0, low: number), type: "inventory.stock",
            time: Timestamp(unixMilliseconds: 0),
            subject: sku, correlationID: nil, causationID: nil, traceparent: nil, version: version)
        return KafkaRecord(
            topic: "inventory.stock", partition: partition, offset: offset, timestamp: 0,
            key: Array(sku.utf8),
            value: [], headers: event.headers.map { ($0.name, Array($0.value.utf8)) })
    }

    private func scan(_ records: [KafkaRecord], without setAside: Set<TopicScan.Position> = []) -> TopicScan {
        var scan = TopicScan(setAside: setAside)
        for record in records { scan.take(record) }
        return scan
    }

    @Test func `rising versions and repetitions of them are in order`() {
        let found = scan([
            record(1, version: 1, offset: 0), record(2, version: 4, offset: 1),
            record(1, version: 1, offset: 2),
            record(3, version: 5, offset: 3),
        ])
        #expect(found.inversions.count == 0)
        #expect(found.wanderers.count == 0)
        #expect(found.events.count == 3)
    }

    @Test func `an event that comes first after a later one is turned around`() {
        let found = scan([record(2, version: 4, offset: 0), record(1, version: 1, offset: 1)])
        #expect(found.inversions.examples == ["tea: 1 after 4 at inventory.stock/3@1"])
    }

    @Test func `where compaction took records, order can't be told`() {
        let found = scan([record(2, version: 4, offset: 7), record(1, version: 1, offset: 9)])
        #expect(found.inversions.count == 0)
    }

    @Test func `a key on a second partition wanders`() {
        let found = scan([record(1, version: 1, offset: 0), record(2, version: 2, partition: 4, offset: 0)])
        #expect(found.wanderers.examples == ["tea: partitions 3 and 4 (inventory.stock)"])
    }

    @Test func `an event of ours that was set aside is in its topic all the same`() throws {
        let position = try #require(TopicScan.position(topic: "inventory.stock", partition: 3, offset: 0))
        let found = scan([record(1, version: 1, offset: 0)], without: [position])
        #expect(found.events.isEmpty)
        #expect(found.setAsideEvents == [Identifier(high: 0, low: 1)])
    }

    @Test func `a record without an envelope is a stranger, a dead letter is nothing at all`() throws {
        let foreign = KafkaRecord(
            topic: "orders.created", partition: 0, offset: 5, timestamp: 0, key: nil, value: nil, headers: [])
        #expect(scan([foreign]).strangers.count == 1)
        let position = try #require(TopicScan.position(topic: "orders.created", partition: 0, offset: 5))
        #expect(scan([foreign], without: [position]).strangers.isEmpty)
    }
}
