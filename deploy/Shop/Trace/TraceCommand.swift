import Contracts
import Kernel

/// `shop trace`: where an order's time went, from what its events say.
enum TraceCommand {
    /// The columns of the timeline.
    private static let width = 48

    static let trace = Command(
        verb: nil, summary: "show where an order's time went, from event to event",
        operands: [Operand(name: "ORDER-ID", isRequired: false)],
        options: [
            .flag("--all", "each step of all orders that Kafka knows"),
            .text("--since", "TIME", "with --all: of those placed since then, such as 2026-11-21T12:00:00Z"),
            .flag("--otlp", "print the trace in OpenTelemetry's JSON, for a collector or Jaeger"),
            .json,
        ],
        details: """
            Each event stands below the one that led to it. TOOK is from when that one was in Kafka till a service had
            answered it with this one: the fetch, the wait for the batch before, the work. SENT is from then till this one
            was handed to Kafka: the commit, the outbox, the relay. AT is the sum of those on the way. What a service heard and
            said nothing about doesn't show, nor what retention has dropped. Times are those of the services' clocks, in
            milliseconds.

            With --otlp the trace has the id that the client sent in `traceparent`, else the order's.
            """,
        run: { arguments, shop in
            let isAll = arguments.has("--all")
            guard isAll != (arguments.operand() != nil) else {
                throw UsageError("`shop trace` needs either ORDER-ID or --all: see `shop trace --help`")
            }
            guard isAll || !arguments.has("--since") else {
                throw UsageError("`--since` is for all orders: `shop trace --all --since TIME`")
            }
            guard !arguments.has("--otlp") || !(isAll || arguments.has("--json")) else {
                throw UsageError("`--otlp` is for one order, and JSON already: `shop trace ORDER-ID --otlp`")
            }
            return isAll ? try await all(arguments, shop) : try await one(arguments, shop)
        })

    // MARK: - One order

    private static func one(_ arguments: Arguments, _ shop: Shop) async throws -> ExitCode {
        let order = try arguments.order()
        let scan = try await ReplayScan.one(order, shop)
        guard let log = scan.orders[order] else {
            throw Failure("Kafka knows no event of an order \(order): `shop order list` shows their ids")
        }
        let trace = OrderTrace(log)
        if arguments.has("--otlp") {
            shop.console.say(try OTLP.TracesData(trace).json)
        } else if arguments.has("--json") {
            shop.console.say(trace.table.json)
        } else {
            shop.console.say(trace.timeline(width: width))
        }
        return .success
    }

    // MARK: - All orders

    private static func all(_ arguments: Arguments, _ shop: Shop) async throws -> ExitCode {
        let since = try arguments.time("--since")
        var times = StepTimes()
        for partition in try await ReplayScan.partitions(shop) {
            for log in try await ReplayScan.all(on: partition, shop).orders.values {
                if let since, log.order.isMade(before: since) { continue }
                times.take(OrderTrace(log))
            }
        }
        shop.console.show(times.table, asJSON: arguments.has("--json"))
        return .success
    }
}

extension OrderTrace {
    /// For programs.
    var table: Table {
        var table = Table("event", "cause", "time", "took", "sent")
        for step in steps {
            table.add(
                .text(step.event.topic.name), step.cause.map { .text($0.topic.name) } ?? .none,
                .text(step.event.time.description), step.took, step.sent)
        }
        return table
    }

    /// For people: the events as a tree, and a picture beside it, of so many columns.
    func timeline(width: Int) -> String {
        guard let bounds else { return "" }
        let scale = TimeScale(bounds, width: width)
        var table = Table("event", "at", "took", "sent", "timeline")
        table.cellWidthMax = max(table.cellWidthMax, width)
        for step in steps {
            let event = step.event
            let indent = String(repeating: "  ", count: step.depth)
            table.add(
                .text(indent + event.topic.name),
                .seconds(event.time.since(bounds.lowerBound) / .seconds(1)), step.took, step.sent,
                .text(
                    scale.bar(
                        from: step.heard ?? event.time, to: event.time,
                        sent: event.publishedAt ?? event.time)))
        }
        return table.text + "\n\n\(scale.legend)"
    }
}

extension OrderTrace.Step {
    fileprivate var took: Table.Cell {
        heard.map { .seconds(max(.zero, event.time.since($0)) / .seconds(1)) } ?? .none
    }

    fileprivate var sent: Table.Cell {
        event.publishedAt.map { .seconds(max(.zero, $0.since(event.time)) / .seconds(1)) } ?? .none
    }
}

/// Draws moments into columns.
struct TimeScale: Sendable {
    private let first: Timestamp
    private let width: Int
    /// What a column stands for, in microseconds; whole milliseconds, since events have no more.
    private let column: Int64

    init(_ bounds: ClosedRange<Timestamp>, width: Int) {
        first = bounds.lowerBound
        self.width = width
        let length = bounds.upperBound.since(first) / .milliseconds(1)
        column = 1000 * max(1, Int64((length / Double(width - 1)).rounded(.up)))
    }

    var legend: String {
        "█ from Kafka to the event, ░ from the event to Kafka; a column is \(column / 1000) ms."
    }

    private func place(_ time: Timestamp) -> Int {
        Int(min(max(0, (time.unixMicroseconds - first.unixMicroseconds) / column), Int64(width - 1)))
    }

    /// A stretch of work and one of sending after it; the moment of the event itself is always there.
    func bar(from start: Timestamp, to end: Timestamp, sent: Timestamp) -> String {
        let (start, end) = (place(min(start, end)), place(end))
        return String(repeating: " ", count: start) + String(repeating: "█", count: end - start + 1)
            + String(repeating: "░", count: max(0, place(sent) - end))
    }
}

/// How long each step of many orders took.
struct StepTimes: Sendable {
    private struct Step: Hashable {
        let service: String
        let name: String
    }

    private var times: [Step: [Double]] = [:]

    mutating func take(_ trace: OrderTrace) {
        for span in trace.spans {
            times[Step(service: span.service, name: span.name), default: []].append(
                span.duration / .seconds(1))
        }
        guard let created = trace.steps.first(where: { $0.event.topic == .ordersCreated }) else { return }
        for end in trace.steps where [.ordersConfirmed, .ordersCancelled].contains(end.event.topic) {
            let whole = Step(service: "all", name: "orders.created to \(end.event.topic.name)")
            times[whole, default: []].append(end.event.time.since(created.event.time) / .seconds(1))
        }
    }

    /// The slowest step first.
    var table: Table {
        var table = Table("service", "step", "events", "p50", "p95", "p99", "max")
        let rows = times.map { (step: $0.key, times: $0.value.sorted()) }
            .sorted {
                (Self.percentile(50, $0.times), $1.step.name) > (Self.percentile(50, $1.times), $0.step.name)
            }
        for (step, times) in rows {
            table.add(
                .text(step.service), .text(step.name), .number(Int64(times.count)),
                .seconds(Self.percentile(50, times)), .seconds(Self.percentile(95, times)),
                .seconds(Self.percentile(99, times)), .seconds(Self.percentile(100, times)))
        }
        return table
    }

    /// The nearest rank.
    private static func percentile(_ percent: Int, _ sorted: [Double]) -> Double {
        sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
    }
}
