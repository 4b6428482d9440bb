import Glibc
import ShopHarness
import TestSupport

/// Instances come and go, so that partitions never stay where they are.
let rebalanceStorm = Experiment(
    name: "rebalance-storm", summary: "an instance more or less of some service every 5 s for 60 s",
    faults: "rebalances", instances: 2
) { trial in
    try await trial.underLoad {
        var isThere = ServiceName.allCases.map { _ in true }
        for _ in 0..<trial.size(12, quick: 4) {
            let number = trial.random(0..<isThere.count)
            let service = ServiceName.allCases[number]
            if isThere[number] {
                // A clean stop and a crash in turn.
                if trial.random(0..<2) == 0 {
                    try await trial.shop.stop(service, instance: 2)
                } else {
                    try await trial.shop.kill(service, instance: 2)
                }
            } else {
                try trial.shop.launch(Instance(service, 2))
            }
            isThere[number].toggle()
            trial.report.fault()
            try await trial.pause(Double(trial.size(5, quick: 2)))
        }
        for (number, service) in ServiceName.allCases.enumerated() where !isThere[number] {
            try trial.shop.launch(Instance(service, 2))
        }
    }
    try await trial.settle()
    try await trial.expectDrained(within: 15)
    // A partition without an owner holds up every event on it: session time-out of 6 s, and the work. Not the whole
    // way of an order, which may meet one in each of three services.
    let events = ServiceName.allCases.map { "SELECT * FROM \($0.rawValue).outbox" }
        .joined(separator: " UNION ALL ")
    let longest = try await trial.shop.books.number(
        """
        WITH event AS (\(events))
        SELECT (extract(epoch FROM max(effect.occurred_at - cause.occurred_at)) * 1000)::bigint
        FROM event AS effect JOIN event AS cause ON effect.causation_id = cause.event_id
        """)
    trial.report.tally.count("ms from an event to what it caused", Int(longest))
    trial.report.expect(
        Double(longest) <= trial.granted(12) * 1000,
        "an event waited \(longest) ms for its effect: some partition had no owner")
}

/// Everything is said and heard again, first at rest, then while customers order.
let replay = Experiment(
    name: "replay", summary: "all offsets to 0 and all outboxes rewound, at rest and under load",
    faults: "replays"
) { trial in
    try await trial.underLoad()
    try await trial.settle()
    try await eventually("the last levels of stock are published", within: .seconds(30)) {
        try await trial.shop.books.number(
            "SELECT count(*) FROM inventory.product WHERE published_version < version") == 0
    }
    let before = try await trial.shop.books.fingerprints()
    try await trial.rewind(withOffsets: true)
    try await trial.settle()
    let after = try await trial.shop.books.fingerprints()
    for (table, fingerprint) in before.sorted(by: { $0.key < $1.key }) {
        trial.report.expect(after[table] == fingerprint, "a replay has changed \(table)")
    }
    var repeated = 0
    for name in ServiceName.allCases { repeated += try await trial.duplicates(of: name) }
    trial.report.tally.count("records repeated at rest", repeated)
    trial.report.tally.count("tables compared", before.count)
    trial.report.expect(repeated >= trial.options.orders, "only \(repeated) records were repeated")
    try await trial.underLoad {
        try await trial.pause(0.5...1)
        try await trial.rewind(withOffsets: true)
        try await trial.expectProgress(since: .now, within: 30, after: "a replay under load")
    }
    try await trial.settle()
}

/// Cancellations, slow and lost answers of the gateway, and deadlines, all at the same moment.
let raceStorm = Experiment(
    name: "race-storm",
    summary: "cancellations after 0 to 200 ms, a gateway that is slow or loses answers, deadlines of 150 ms",
    faults: "races",
    changes: { instance in
        switch instance.service {
        case .orders: ["ORDER_DEADLINE_SECONDS": "0.15"]
        case .payments: ["GATEWAY_TIMEOUT_SECONDS": "0.2", "SANDBOX_SLOW_SECONDS": "0.3"]
        default: [:]
        }
    }
) { trial in
    var load = trial.usualLoad
    load.cancelDelay = 0...0.2
    load.tokens = [
        (0.10, "tok_declined"), (0.05, "tok_timeout_captured"), (0.05, "tok_timeout_lost"),
        (0.30, "tok_slow"),
    ]
    try await trial.underLoad(load)
    try await trial.settle()
    for reason in ["customer", "deadline", "payment_declined", "out_of_stock"] {
        let count = try await trial.shop.books.number(
            "SELECT count(*) FROM orders.orders WHERE reason = '\(reason)'")
        trial.report.tally.count("cancelled: \(reason)", Int(count))
    }
    let refunds = try await trial.shop.books.number("SELECT count(*) FROM gateway.refund")
    let captures = try await trial.shop.books.number(
        """
        SELECT count(*) FROM gateway.charge JOIN orders.orders ON id = order_id
        WHERE state = 'captured' AND status = 'cancelled'
        """)
    trial.report.fault(Int(captures))
    trial.report.tally.count("refunds", Int(refunds))
    trial.report.expect(
        refunds == captures, "\(refunds) refunds for \(captures) captures of cancelled orders")
}

extension Trial {
    fileprivate func rewind(withOffsets: Bool) async throws {
        let words = ["outbox", "rewind", "--all"] + (withOffsets ? ["--offsets"] : [])
        let (code, output) = try await shop.tool(words, within: .seconds(60))
        guard code == 0 else { throw Failure("the rewind failed: \(output)") }
        report.fault()
    }

    /// The audit has seen all heads reached; this is about how soon.
    fileprivate func expectDrained(within limit: Double) async throws {
        let milliseconds = report.tally["ms to drain"]
        report.expect(Double(milliseconds) <= granted(limit) * 1000, "it took \(milliseconds) ms to drain")
    }
}
