import Contracts
import InventoryDomain
import Kernel
import OrdersDomain
import PaymentsDomain

/// `shop replay`: what the deciders that ship make of an order's events, from nothing.
enum ReplayCommand {
    /// Differences that are shown; the rest is only counted.
    private static let shownMax = 1000

    static let replay = Command(
        verb: nil, summary: "rebuild orders from their events in Kafka, and compare them with the tables",
        operands: [Operand(name: "ORDER-ID", isRequired: false)],
        options: [
            .flag("--all", "every order whose events are all still kept"),
            .number(
                "--until", "N", in: 1...OrderLog.eventsMax, "the order as it was after its first N events"),
            .json,
        ],
        details: """
            Runs an order's events through the deciders of the services, from nothing, and shows its state after each: how
            it came to be what it is. An event comes after its cause, and after what its service must have heard before,
            by the version in its envelope; else by time. RECORDS counts how often it stands in Kafka: repetitions are
            heard again at the end and must change nothing. What no event tells, stock levels, the gateway's answers and
            cancellations, is taken from what the services said of them.

            Then compares with what the services have stored: orders, reservations, payments, postings, messages. Can be
            asked while the shop runs; what a service has not read or published yet is under way and no difference.
            Left out is what was placed before the last events that retention has dropped.

            --all holds the events of one partition of each topic at a time, some 3 kB each and at most 1,000,000, and
            the ids of all orders. Exits with 1 on a difference.
            """,
        run: { arguments, shop in
            let isAll = arguments.has("--all")
            guard isAll != (arguments.operand() != nil) else {
                throw UsageError("`shop replay` needs either ORDER-ID or --all: see `shop replay --help`")
            }
            guard !isAll || !arguments.has("--until") else {
                throw UsageError("`--until` is for one order: `shop replay ORDER-ID --until N`")
            }
            return isAll ? try await all(arguments, shop) : try await one(arguments, shop)
        })

    // MARK: - One order

    private static func one(_ arguments: Arguments, _ shop: Shop) async throws -> ExitCode {
        let order = try arguments.order()
        let (replay, outcome, scan) = try await ReplayRun(shop).one(order)
        let count = arguments.number("--until")
        if let count, count > replay.lines.count {
            throw UsageError("`--until` is at most \(replay.lines.count) for this order, not `\(count)`")
        }
        let lines = table(of: replay.lines.prefix(count ?? .max))
        if arguments.has("--json") {
            let verdict = count == nil ? outcome : nil
            shop.console.say(
                """
                {
                "order": \(JSONText.string(order.description)),
                "events": \(lines.json),
                "state": \(replay.state(after: count).json),
                "verdict": \(verdict.map { JSONText.string($0.word) } ?? "null"),
                "because": \(JSONText.array(verdict?.reasons ?? []))
                }
                """)
        } else {
            shop.console.say(lines.text)
            shop.console.say("\n" + replay.state(after: count).text)
            for example in scan.unreadable.examples { shop.console.say("left out: \(example.oneLine)") }
            if count == nil { shop.console.say("\n" + outcome.text) }
        }
        guard count == nil, case .differs = outcome else { return .success }
        return .failure
    }

    private static func table(of lines: some Sequence<OrderReplay.Line>) -> Table {
        var table = Table("n", "time", "event", "place", "records", "order", "stock", "money", "what")
        for (index, line) in lines.enumerated() {
            let event = line.event
            table.add(
                .number(Int64(index + 1)), .text(event.time.description), .text(event.topic.name),
                .text("p\(event.partition)@\(event.offsets[0])"), .number(Int64(event.offsets.count)),
                line.after.order.map { .text($0.status.rawValue) } ?? .none,
                line.after.stock == .none ? .none : .text(line.after.stock.status.rawValue),
                line.after.money == .none ? .none : .text(line.after.money.status.rawValue),
                .text(event.fact.words))
        }
        return table
    }

    // MARK: - All orders

    /// What all replays came to.
    private struct Summary {
        var orders: Int64 = 0
        var events: Int64 = 0
        var records: Int64 = 0
        var unreadable: Int64 = 0
        var agree: Int64 = 0
        var underWay: Int64 = 0
        var leftOut: Int64 = 0
        var different: Int64 = 0
        var differences: [(order: Identifier, what: String)] = []

        mutating func take(_ judged: ReplayRun.Judged) {
            orders += 1
            switch judged.verdict {
            case .agrees: agree += 1
            case .underWay: underWay += 1
            case .leftOut: leftOut += 1
            case .differs(let found):
                different += 1
                for what in found where differences.count < shownMax {
                    differences.append((judged.order, what))
                }
            }
        }
    }

    private static func all(_ arguments: Arguments, _ shop: Shop) async throws -> ExitCode {
        let begun = ContinuousClock.now
        let run = try await ReplayRun(shop)
        let published = try await run.published()
        var summary = Summary()
        var seen: Set<Identifier> = []
        var horizon: Timestamp?
        for partition in try await ReplayScan.partitions(shop) {
            let (judged, scan) = try await run.all(on: partition)
            for order in judged { summary.take(order) }
            seen.formUnion(scan.orders.keys)
            summary.events += scan.events
            summary.records += scan.records
            summary.unreadable += scan.unreadable.count
            horizon = [horizon, scan.horizon].compactMap { $0 }.max()
        }
        for order in try await run.unseen(besides: seen, since: horizon, published) { summary.take(order) }
        show(summary, seconds: (ContinuousClock.now - begun) / .seconds(1), arguments, shop)
        return summary.different == 0 ? .success : .failure
    }

    private static func show(_ summary: Summary, seconds: Double, _ arguments: Arguments, _ shop: Shop) {
        var totals = Table(
            "orders", "agree", "underWay", "leftOut", "different", "events", "records", "unreadable",
            "seconds")
        totals.add(
            .number(summary.orders), .number(summary.agree), .number(summary.underWay),
            .number(summary.leftOut), .number(summary.different), .number(summary.events),
            .number(summary.records), .number(summary.unreadable), .seconds(seconds))
        if arguments.has("--json") {
            var differences = Table("order", "difference")
            for (order, what) in summary.differences {
                differences.add(.text(order.description), .text(what))
            }
            shop.console.say("{\n\"summary\": \(totals.json),\n\"differences\": \(differences.json)\n}")
            return
        }
        shop.console.say(totals.text)
        for (order, what) in summary.differences {
            shop.console.say("order \(order): \(what.oneLine.shortened(to: 300))")
        }
        if summary.differences.count == shownMax { shop.console.say("and maybe more: these are the first") }
    }
}

extension OrderReplay {
    /// The columns that the services' tables have after so many events; nil for all of them.
    fileprivate func state(after count: Int?) -> Table {
        var table = Table("column", "value")
        let then = count.map { OrderReplay(self, until: $0) } ?? self
        for (column, value) in then.stored.values.sorted(by: { $0.key < $1.key }) {
            table.add(.text(column), .text(value))
        }
        return table
    }
}

extension ReplayVerdict {
    fileprivate var word: String {
        switch self {
        case .agrees: "agrees"
        case .underWay: "underWay"
        case .leftOut: "leftOut"
        case .differs: "differs"
        }
    }

    fileprivate var reasons: [String] {
        switch self {
        case .agrees, .leftOut: []
        case .underWay(let why): [why]
        case .differs(let found): found
        }
    }

    fileprivate var text: String {
        switch self {
        case .agrees: "That is what the services have stored."
        case .underWay(let why): "Not compared, since it is under way: \(why.oneLine)."
        case .leftOut:
            "Not compared: some of its events may be gone, by the retention of Kafka or of an outbox."
        case .differs(let found):
            "It differs from what the services have stored:\n"
                + found.map { "  \($0.oneLine.shortened(to: 300))" }.joined(separator: "\n")
        }
    }
}
