import InventoryDomain
import Kernel
import TestSupport
import Testing

@Suite("Reservation decisions")
struct ReservationDeciderTests {
    func created(_ lines: [(String, Int64)]) -> ReservationMessage {
        .created(lines.map { StockLine(sku: $0.0, quantity: $0.1) })
    }

    func decide(_ lines: [(String, Int64)], _ levels: [String: Int64]) -> ReservationDecision {
        ReservationDecider.decide(
            .none, created(lines), stock: StockBook(levels.mapValues { StockLevel(available: $0) }))
    }

    @Test func `an order is held to the last piece`() {
        #expect(decide([("mug", 3)], ["mug": 3]).state.status == .held)
    }

    @Test func `one line short rejects the whole order, and names all that are short`() {
        let decision = decide([("mug", 1), ("tea", 4), ("pen", 9)], ["mug": 1, "tea": 3, "pen": 8])
        #expect(decision.state == .rejected)
        #expect(decision.effects == [.rejected(["tea", "pen"])])
    }

    @Test func `an unknown SKU is short`() {
        #expect(decide([("mug", 1), ("nix", 1)], ["mug": 1]).effects == [.rejected(["nix"])])
    }

    @Test func `a SKU named twice is added up`() {
        #expect(decide([("mug", 2), ("mug", 2)], ["mug": 4]).state.status == .held)
        #expect(decide([("mug", 2), ("mug", 2)], ["mug": 3]).effects == [.rejected(["mug"])])
        #expect(decide([("mug", .max), ("mug", .max)], ["mug": 3]).effects == [.rejected(["mug"])])
    }

    @Test(arguments: [0, -1, Int64.min])
    func `a quantity below 1 is an alarm and takes nothing`(quantity: Int64) {
        let decision = decide([("mug", 1), ("tea", quantity)], ["mug": 5, "tea": 5])
        #expect(decision.state == .none)
        #expect(decision.outcome.label == "alarm")
    }

    @Test func `an order without lines is an alarm`() {
        #expect(decide([], ["mug": 5]).outcome.label == "alarm")
    }

    @Test func `within a batch each order sees what the ones before it took and gave back`() {
        var stock = StockBook(["mug": StockLevel(available: 3)])
        func next(_ state: Reservation, _ message: ReservationMessage) -> Reservation {
            let decision = ReservationDecider.decide(state, message, stock: stock)
            stock.apply(decision.effects)
            return decision.state
        }
        let first = next(.none, created([("mug", 2)]))
        #expect(next(.none, created([("mug", 2)])) == .rejected)
        #expect(next(first, .declined) == .released)
        let third = next(.none, created([("mug", 3)]))
        #expect(third.status == .held)
        #expect(next(third, .confirmed) == .sold)
        #expect(stock.changes == [StockChange(sku: "mug", available: -3, reserved: 0, sold: 3)])
    }

    @Test func `the changes are one per SKU, sorted, without those that cancel each other out`() {
        var stock = StockBook()
        let line = { (sku: String) in [StockLine(sku: sku, quantity: 2)] }
        for sku in ["tea", "mug", "tea", "pen"] { stock.apply(StockMove(.hold, line(sku))) }
        stock.apply(StockMove(.giveBack, line("pen")))
        #expect(
            stock.changes == [
                StockChange(sku: "mug", available: -2, reserved: 2, sold: 0),
                StockChange(sku: "tea", available: -4, reserved: 4, sold: 0),
            ])
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `whatever comes, stock is conserved and never below zero`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let skus = ["mug", "tea", "pen"]
        let start: Int64 = 20
        var stock = StockBook(
            Dictionary(uniqueKeysWithValues: skus.map { ($0, StockLevel(available: start)) }))
        var orders = [Reservation](repeating: .none, count: 12)
        let wanted = orders.map { _ in
            skus.shuffled(using: &random).prefix(2).map {
                StockLine(sku: $0, quantity: .random(in: 1...6, using: &random))
            }
        }
        for _ in 0..<200 {
            let order = Int.random(in: orders.indices, using: &random)
            let messages: [ReservationMessage] = [
                .created(wanted[order]), .declined, .cancelling, .confirmed,
            ]
            let message = try #require(messages.randomElement(using: &random))
            let decision = ReservationDecider.decide(orders[order], message, stock: stock)
            orders[order] = decision.state
            stock.apply(decision.effects)
            try check(stock, orders, wanted, start: start)
        }
    }

    func check(_ stock: StockBook, _ orders: [Reservation], _ wanted: [[StockLine]], start: Int64) throws {
        for change in stock.changes {
            #expect(change.available + change.reserved + change.sold == 0)
            #expect(start + change.available >= 0 && change.reserved >= 0 && change.sold >= 0)
            func sum(_ status: ReservationStatus) -> Int64 {
                zip(orders, wanted).filter { $0.0.status == status }.flatMap(\.1)
                    .filter { $0.sku == change.sku }.map(\.quantity).reduce(0, +)
            }
            #expect(change.reserved == sum(.held))
            #expect(change.sold == sum(.sold))
        }
    }
}
