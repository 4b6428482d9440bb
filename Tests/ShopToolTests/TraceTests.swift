import Contracts
import Foundation
import Kernel
import Messaging
import Testing

@testable import ShopTool

@Suite("Where an order's time went") struct TraceTests {
    /// The same events, but one of them changed.
    private func changed(
        _ history: History, _ topic: Topic, _ change: (inout CloudEvent, inout Timestamp?) -> Void
    ) -> OrderTrace {
        OrderTrace(
            history.log(
                history.events.map { event in
                    guard event.topic == topic else { return event }
                    var (envelope, publishedAt) = (event.envelope, event.publishedAt)
                    change(&envelope, &publishedAt)
                    return LoggedEvent(
                        Incoming(event: envelope, message: event.fact), partition: event.partition,
                        offset: event.offsets[0], publishedAt: publishedAt)
                }))
    }

    @Test func `each event stands below its cause, with the time it took and the time it was sent in`() {
        let text = OrderTrace(History.confirmed.log()).timeline(width: 30)
        #expect(
            text == """
                EVENT                          AT    TOOK    SENT  TIMELINE
                orders.created               0 ms       -  250 ms  █░
                  notifications.sent        1.0 s  750 ms  250 ms   █████░
                  inventory.reserved        2.0 s   1.8 s  250 ms   ██████████░░
                    payments.captured       3.0 s  750 ms  250 ms              █████░
                      orders.confirmed      4.0 s  750 ms  250 ms                   █████░░
                        notifications.sent  5.0 s  750 ms  250 ms                         █████░

                █ from Kafka to the event, ░ from the event to Kafka; a column is 182 ms.
                """)
    }

    @Test(arguments: History.all)
    func `a trace is one tree of spans that touch each other`(history: History) throws {
        let trace = OrderTrace(history.log())
        let spans = Dictionary(uniqueKeysWithValues: trace.spans.map { ($0.id, $0) })
        #expect(spans[0] == nil)
        #expect(trace.spans.filter { $0.parent == nil }.map(\.name) == ["send orders.created"])
        #expect(trace.spans.filter { $0.kind == .producer }.count == history.events.count)
        for span in trace.spans {
            #expect(span.duration >= .zero)
            guard let parent = try span.parent.map({ try #require(spans[$0]) }) else { continue }
            // Nobody but a client or a clock leads to an event without a cause.
            let isAnswer = span.kind == .consumer || parent.kind == .consumer
            #expect(isAnswer ? parent.end == span.start : parent.parent == nil, "\(span.name)")
            if span.kind == .consumer { #expect(parent.record.envelope == span.record.envelope) }
        }
        let ends = try #require(trace.bounds)
        #expect(ends.lowerBound == history.events.first?.time)
        #expect(ends.upperBound == history.events.last?.publishedAt)
    }

    @Test func `clocks that disagree make no span shorter than nothing`() throws {
        let early = changed(.confirmed, .paymentsCaptured) { envelope, publishedAt in
            envelope.time = envelope.time.advanced(by: .seconds(-60))
            publishedAt = envelope.time.advanced(by: .seconds(-60))
        }
        #expect(early.spans.allSatisfy { $0.duration >= .zero })
        #expect(early.steps.map(\.depth) == [0, 1, 1, 2, 3, 4])
        #expect(!early.timeline(width: 30).contains("-60"))
    }

    @Test func `a record without a time went to Kafka at once`() {
        let trace = changed(.confirmed, .inventoryReserved) { $1 = nil }
        let reserved = trace.spans.filter { $0.record.topic == .inventoryReserved }
        #expect(reserved.map(\.duration) == [.zero, .seconds(1)])
        #expect(trace.timeline(width: 30).contains("inventory.reserved        2.0 s   1.8 s       -"))
    }

    @Test func `events that name each other as their cause are shown once each`() {
        let captured = History.confirmed.events.first { $0.topic == .paymentsCaptured }
        let trace = changed(.confirmed, .inventoryReserved) { envelope, _ in
            envelope.causationID = captured?.envelope.id
        }
        #expect(
            trace.steps.map { "\($0.depth) \($0.event.topic.name)" } == [
                "0 orders.created", "1 notifications.sent", "0 inventory.reserved", "1 payments.captured",
                "2 orders.confirmed", "3 notifications.sent",
            ])
    }

    @Test func `an event whose cause is gone begins a tree of its own`() {
        let trace = OrderTrace(History.confirmed.log(Array(History.confirmed.events.dropFirst(3))))
        #expect(trace.steps.map(\.depth) == [0, 1, 2])
        #expect(trace.spans.first?.parent == nil)
    }

    @Test func `the trace is the client's where it sent one`() {
        let own = OrderTrace(History.confirmed.log())
        #expect(own.id == History.order.description.replacing("-", with: ""))
        func sending(_ traceparent: String) -> OrderTrace {
            changed(.confirmed, .ordersCreated) { envelope, _ in envelope.traceparent = traceparent }
        }
        let theirs = sending("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        #expect(theirs.id == "0af7651916cd43dd8448eb211c80319c")
        #expect(theirs.spans.first?.parent == 0xb7ad_6b71_6920_3331)
        for invalid in [
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ] {
            #expect(sending(invalid).id == own.id)
            #expect(sending(invalid).spans.first?.parent == nil)
        }
    }

    @Test func `OpenTelemetry gets a resource for each service, ids in hexadecimal and times in nanoseconds`()
        throws
    {
        let trace = OrderTrace(History.confirmed.log())
        let data = OTLP.TracesData(trace)
        #expect(
            data.resourceSpans.map { $0.resource.attributes[0].value.stringValue } == [
                "orders", "inventory", "payments", "notifications",
            ])
        let inventory = data.resourceSpans[1].scopeSpans[0].spans
        #expect(inventory.map(\.name) == ["process orders.created", "send inventory.reserved"])
        let json = try #require(
            JSONSerialization.jsonObject(with: Data(try JSONEncoder().encode(inventory[0]))) as? [String: Any]
        )
        #expect(json["kind"] as? Int == 5)
        #expect(json["startTimeUnixNano"] as? String == "1000250000000")
        #expect(json["endTimeUnixNano"] as? String == "1002000000000")
        #expect(json["traceId"] as? String == trace.id)
        for id in data.resourceSpans.flatMap({ $0.scopeSpans[0].spans.map(\.spanId) }) {
            #expect(id.wholeMatch(of: /[0-9a-f]{16}/) != nil)
        }
        let attributes = Dictionary(
            uniqueKeysWithValues: inventory[0].attributes.map {
                ($0.key, $0.value.stringValue ?? $0.value.intValue)
            })
        #expect(attributes["messaging.operation.type"] == "process")
        #expect(attributes["messaging.consumer.group.name"] == "inventory")
        #expect(attributes["messaging.destination.name"] == "orders.created")
        #expect(attributes["messaging.kafka.offset"] == "0")
        #expect(attributes["messaging.message.id"] == History.confirmed.events[0].envelope.id.description)
    }

    @Test func `steps of many orders are told in percentiles, by the nearest rank`() {
        var times = StepTimes()
        for _ in 0..<98 { times.take(OrderTrace(History.confirmed.log())) }
        for seconds in [10, 20] {
            times.take(
                changed(.confirmed, .paymentsCaptured) { envelope, _ in
                    envelope.time = envelope.time.advanced(by: .seconds(seconds))
                })
        }
        let rows = times.table.rows.map { $0.map(\.text).joined(separator: " ") }
        #expect(
            rows.contains("payments process inventory.reserved 100 750 ms 750 ms 10.8 s 20.8 s"), "\(rows)")
        #expect(rows.first == "all orders.created to orders.confirmed 100 4.0 s 4.0 s 4.0 s 4.0 s")
    }

    @Test(arguments: [
        ([], "`shop trace` needs either ORDER-ID or --all: see `shop trace --help`"),
        (["--all", "x"], "`shop trace` needs either ORDER-ID or --all: see `shop trace --help`"),
        (["x", "--since", "y"], "`--since` is for all orders: `shop trace --all --since TIME`"),
        (["--all", "--since", "y"], "`--since` is a time in UTC such as 2026-11-21T12:00:00Z, not `y`"),
        (["--all", "--otlp"], "`--otlp` is for one order, and JSON already: `shop trace ORDER-ID --otlp`"),
        (
            ["x", "--otlp", "--json"],
            "`--otlp` is for one order, and JSON already: `shop trace ORDER-ID --otlp`"
        ),
        (["42"], "an order's id is a UUID such as `shop order list` shows, not `42`"),
    ])
    func `nonsense is answered with what to do`(words: [String], answer: String) async {
        await #expect(throws: UsageError(answer)) { try await Shop.run(["trace"] + words) }
    }
}
