import Contracts
import InventoryDomain
import Kafka
import Kernel
import Messaging
import OrdersDomain
import PaymentsDomain
import TestSupport
import Testing

@testable import ShopTool

@Suite("Orders from their events") struct ReplayTests {
    private func end(_ replay: OrderReplay) -> [String] {
        let last = replay.last
        return [
            last.order?.status.rawValue ?? "none", last.stock.status.rawValue, last.money.status.rawValue,
        ]
    }

    @Test(arguments: History.all)
    func `the deciders say what the events say, and come to the same end`(history: History) {
        let replay = OrderReplay(history.log())
        #expect(replay.faults == [])
        #expect(end(replay) == history.end)
        #expect(replay.lines.map(\.event.name) == history.events.map(\.name))
    }

    @Test(arguments: History.all)
    func `neither the order of reading nor repetitions change anything`(history: History) {
        let once = OrderReplay(history.log())
        for seed in 0..<50 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var events = history.events.shuffled(using: &generator)
            events += events.filter { _ in Bool.random(using: &generator) }
            let replay = OrderReplay(history.log(events))
            #expect(replay.faults == [])
            #expect(replay.stored == once.stored)
            #expect(replay.lines.map(\.after) == once.lines.map(\.after))
        }
    }

    @Test(arguments: History.all)
    func `without any one of its events the rest is no order of ours`(history: History) {
        let table = OrderReplay(history.log()).stored
        // That a customer was told follows from what notifications heard.
        for missing in history.events where missing.topic.publisher != "notifications" {
            let rest = history.events.filter { $0.envelope.id != missing.envelope.id }
            let verdict = OrderReplay(history.log(rest)).verdict(table, ReplayCircumstances())
            guard case .differs = verdict else {
                Issue.record("\(missing.name) is not missed: \(verdict)")
                continue
            }
        }
    }

    @Test(arguments: History.all)
    func `an event that no service said is found`(history: History) {
        for event in history.events {
            for version in [event.envelope.version, event.envelope.version + 1, 99] {
                let forged = History.event(
                    event.fact, version: version, cause: event.envelope.causationID, second: 60, offset: 99)
                let faults = OrderReplay(history.log(history.events + [forged])).faults
                #expect(faults.contains { $0.contains("@99") || $0.contains(event.name) }, "\(event.name)")
            }
        }
    }

    @Test(arguments: History.all)
    func `a version that counts a change more is found`(history: History) {
        let table = OrderReplay(history.log()).stored
        for index in history.events.indices where history.events[index].topic.publisher != "notifications" {
            var events = history.events
            var envelope = events[index].envelope
            envelope.version += 1
            events[index] = LoggedEvent(
                Incoming(event: envelope, message: events[index].fact), partition: 3, offset: Int64(index))
            let found = OrderReplay(history.log(events)).disagreements(with: table)
            #expect(!found.isEmpty, "\(events[index].name)")
        }
    }

    @Test func `an event with another content is found`() {
        let events = History.confirmed.events.map { event -> LoggedEvent in
            guard case .captured = event.fact else { return event }
            let less = PaymentCaptured(
                orderId: History.order, amount: Money(amount: 1, currency: .eur))
            return History.event(
                .captured(less), version: 2, cause: event.envelope.causationID, second: 3, offset: 3)
        }
        let faults = OrderReplay(History.confirmed.log(events)).faults
        #expect(
            faults.contains {
                $0.hasPrefix("payments.captured p3@3, version 2, does not follow")
            }, "\(faults)")
    }

    @Test func `an event comes after its cause, whatever the clock of its service says`() {
        let events = History.confirmed.events.map { event -> LoggedEvent in
            guard case .captured = event.fact else { return event }
            return History.event(
                event.fact, version: 2, cause: event.envelope.causationID, second: -60, offset: 3)
        }
        // Its id is another now, so what it caused has lost its cause.
        let replay = OrderReplay(History.confirmed.log(events))
        let names = replay.lines.map(\.event.topic.name)
        #expect(names.firstIndex(of: "inventory.reserved") == 2)
        #expect(names.firstIndex(of: "payments.captured") == 3)
    }

    @Test func `after each event it is as it was then`() {
        let replay = OrderReplay(History.confirmed.log())
        #expect(
            replay.lines.map { $0.after.order?.status } == [.pending, .pending, .pending, .pending]
                + [.confirmed, .confirmed])
        #expect(replay.lines.map(\.after.stock.status) == [.none, .none, .held, .held, .sold, .sold])
        #expect(
            replay.lines.map(\.after.money.status)
                == [.none, .none, .requested, .captured, .captured, .captured])
        let then = OrderReplay(replay, until: 3).stored.values
        #expect(then["orders.orders.status"] == "pending")
        #expect(then["payments.payment.status"] == "requested")
        #expect(then["payments.posting.capture"] == nil)
    }

    @Test func `what a service has not read yet has done nothing`() {
        let events = Array(History.confirmed.events.prefix(3))
        let replay = OrderReplay(History.confirmed.log(events)) { service, _ in service != .payments }
        #expect(replay.faults == [])
        #expect(end(replay) == ["pending", "held", "none"])
    }

    @Test func `a table that differs is told, unless something is under way`() {
        let replay = OrderReplay(History.confirmed.log())
        var table = replay.stored
        #expect(replay.verdict(table, ReplayCircumstances(unread: "x")) == .agrees)
        table.values["payments.payment.status"] = "refunded"
        table.values["payments.posting.capture"] = nil
        #expect(
            replay.verdict(table, ReplayCircumstances())
                == .differs([
                    "payments.payment.status: captured by the events, refunded in the table",
                    "payments.posting.capture: 15.80 EUR by the events, nothing in the table",
                ]))
        #expect(
            replay.verdict(table, ReplayCircumstances(unread: "orders has still to read x"))
                == .underWay("orders has still to read x"))
        let unpublished = replay.verdict(table, ReplayCircumstances(unpublished: "orders.cancelled"))
        #expect(
            unpublished
                == .underWay("orders.cancelled was not published when its topic was read"))
    }

    @Test func `a flood of forged events ends in a difference, soon`() {
        var events = History.confirmed.events
        for number in 0..<40 {
            events.append(
                History.event(
                    History.confirmed.events[number % 6].fact, version: 2,
                    cause: events[number % 4].envelope.id, second: number, offset: 99))
        }
        let begun = ContinuousClock.now
        let replay = OrderReplay(History.confirmed.log(events))
        #expect(replay.faults.contains("more than 32 events"))
        #expect(replay.lines.count == 32)
        #expect(ContinuousClock.now - begun < .seconds(30))
    }

    // MARK: - The scan

    private func record(
        _ event: LoggedEvent, offset: Int64, timestamp: Int64 = 0
    ) throws -> KafkaRecord {
        KafkaRecord(
            topic: event.topic.name, partition: 3, offset: offset, timestamp: timestamp,
            key: Array(History.order.description.utf8),
            value: try EventCoding.encode(event.fact.event),
            headers: event.envelope.headers.map { ($0.name, Array($0.value.utf8)) })
    }

    @Test func `records become the events of their orders, each counted once`() throws {
        var scan = ReplayScan([:])
        for event in History.declined.events { try scan.take(record(event, offset: event.offsets[0])) }
        for event in History.declined.events { try scan.take(record(event, offset: 100)) }
        scan.take(
            KafkaRecord(
                topic: "orders.created", partition: 3, offset: 7, timestamp: 0, key: nil, value: nil,
                headers: []))
        let log = try #require(scan.orders[History.order])
        #expect(log.events.map(\.fact) == History.declined.events.map(\.fact))
        #expect(log.events.map(\.offsets.count) == log.events.map { _ in 2 })
        #expect(scan.events == 7)
        #expect(scan.records == 15)
        #expect(scan.unreadable.examples == ["orders.created p3@7: the header ce_specversion is missing"])
        #expect(scan.horizon == nil)
    }

    @Test(arguments: [(-1, nil), (1_000_250, 1_000_250), (Int64.max, nil)])
    func `an event was published when its first record says, if that can be`(timestamp: Int64, time: Int64?)
        throws
    {
        var scan = ReplayScan([:])
        let event = History.confirmed.events[0]
        try scan.take(record(event, offset: 0, timestamp: timestamp))
        try scan.take(record(event, offset: 1, timestamp: 2_000_000))
        let log = try #require(scan.orders[History.order])
        #expect(log.events.map { $0.publishedAt?.unixMilliseconds } == [time])
    }

    @Test func `what was placed before the first record that is left may lack events`() throws {
        let first = try record(History.confirmed.events[3], offset: 5)
        var scan = ReplayScan([first.topicPartition: PartitionLag(committed: nil, beginning: 5, end: 6)])
        scan.take(first)
        #expect(scan.horizon == History.confirmed.events[3].time.advanced(by: .seconds(600)))
    }

    // MARK: - The command line

    @Test(arguments: [
        ([], "`shop replay` needs either ORDER-ID or --all: see `shop replay --help`"),
        (["--all", "x"], "`shop replay` needs either ORDER-ID or --all: see `shop replay --help`"),
        (["--all", "--until", "3"], "`--until` is for one order: `shop replay ORDER-ID --until N`"),
        (["42"], "an order's id is a UUID such as `shop order list` shows, not `42`"),
    ])
    func `nonsense is answered with what to do`(words: [String], answer: String) async {
        await #expect(throws: UsageError(answer)) { try await Shop.run(["replay"] + words) }
    }
}
