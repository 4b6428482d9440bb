import ShopHarness
import TestSupport

/// Three times what the shop can do, all of it for one product that most buyers will not get, while somebody in another
/// database writes for a long time.
let overload = Experiment(
    name: "overload",
    summary: "three times the capacity for 60 s, all for one product, and a long transaction elsewhere",
    faults: "requests refused or sold out"
) { trial in
    let (units, buyers) = (trial.size(1000, quick: 100), trial.size(5000, quick: 500))
    let seconds = Double(trial.size(60, quick: 6))
    var usual = trial.usualLoad
    usual.isMixed = false
    // Enough of them that it is the shop that they wait for.
    (usual.clients, usual.orders) = (
        trial.size(200, quick: 24), max(usual.orders, trial.size(10_000, quick: 200))
    )
    let began = now()
    let measured = try await trial.underLoad(usual)
    let capacity = Double(measured.placed) / (now() - began)
    try await trial.settle()
    trial.report.tally.count("orders/s before", Int(capacity))

    try await trial.list("hot", price: 250, stock: units)
    let long = LongTransaction(trial.parts.settings.postgres)
    async let writing: Void = long.write(for: trial.size(30, quick: 4))
    var hot = usual
    (hot.onlyProduct, hot.orders, hot.rate, hot.awaitsEnd) = ("hot", buyers, 3 * capacity, false)
    hot.clients = trial.size(400, quick: 200)
    let flood = WallTime.now
    let load = try await trial.underLoad(hot, givesUpAtRefusal: true) {
        // Beyond the buyers of the first product the flood goes on.
        let end = now() + seconds
        while now() < end {
            let waiting = try await trial.oldestUnpublishedMilliseconds()
            trial.report.tally.most("ms that an event waited for the relay, at most", Int(waiting))
            try await trial.pause(0.2)
        }
    }
    try await writing
    try await trial.settle()
    let shop = trial.shop
    let sold = try await shop.books.stock("hot")
    let asked = try await shop.books.number(
        "SELECT count(*) FROM orders.orders WHERE created_at > \(flood.sql)")
    let taken = Int64(1000 * percentile(99, of: load.took))
    let ended = try await shop.books.number(
        """
        SELECT coalesce((extract(epoch FROM percentile_disc(0.99) WITHIN GROUP (ORDER BY updated_at - created_at))
            * 1000)::bigint, 0) FROM orders.orders WHERE created_at > \(flood.sql)
        """)
    let soldOut = asked - sold.sold
    trial.report.fault(load.refusedAfter.count + Int(soldOut))
    trial.report.tally.count("buyers taken", Int(asked))
    trial.report.tally.count("sold of the one product", Int(sold.sold))
    trial.report.tally.count("ms to be taken, p99", Int(taken))
    trial.report.tally.count("ms from being written to the end, p99", Int(ended))
    trial.report.tally.count("ms to be refused, p99", Int(1000 * percentile(99, of: load.refusedAfter)))
    let goodput = Double(asked) / seconds
    trial.report.tally.count("% of the capacity in the flood", Int(100 * goodput / capacity))
    trial.report.expect(sold.sold == Int64(units) && sold.available == 0, "\(sold.sold) sold of \(units)")
    guard !trial.options.isQuick else { return }
    trial.report.expect(goodput >= 0.8 * capacity, "\(goodput) orders/s in the flood, \(capacity) before")
    trial.report.expect(percentile(99, of: load.refusedAfter) < 0.05, "a refusal took 50 ms or more")
    trial.report.expect(
        taken + ended < 5000, "one order in a hundred took \(taken) ms to be taken, or \(ended) ms from there"
    )
    trial.report.expect(
        trial.report.tally["ms that an event waited for the relay, at most"] < 1000,
        "an event waited a second for the relay")
}

func percentile(_ percent: Int, of sorted: [Double]) -> Double {
    sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * percent / 100)]
}

/// Writes in another database of the same cluster, which holds back what counts transactions from below.
private struct LongTransaction: Sendable {
    let server: PostgresServer

    init(_ server: PostgresServer) { self.server = server }

    func write(for seconds: Int) async throws {
        try await server.administrate(
            "CREATE TABLE IF NOT EXISTS public.elsewhere (at timestamptz); INSERT INTO public.elsewhere VALUES (now());"
                + " SELECT pg_sleep(\(seconds))")
    }
}

extension Trial {
    /// How long the oldest event that is not published has waited since it was committed; before that the relay cannot
    /// know of it.
    fileprivate func oldestUnpublishedMilliseconds() async throws -> Int64 {
        try await lasting {
            try await shop.books.number(
                """
                SELECT coalesce(
                    (extract(epoch FROM clock_timestamp() - min(pg_xact_commit_timestamp(xid::xid))) * 1000)::bigint, 0)
                FROM orders.outbox,
                    (SELECT snapshot FROM orders.outbox_cursor ORDER BY moved_at DESC LIMIT 1) AS cursor
                WHERE xid >= pg_snapshot_xmin(snapshot) AND NOT pg_visible_in_snapshot(xid, snapshot)
                """)
        }
    }
}
