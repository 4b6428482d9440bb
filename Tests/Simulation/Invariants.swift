import InventoryDomain
import Kernel
import OrdersDomain
import PaymentsDomain

/// Remembers the first of many expectations that did not hold.
struct Checks {
    private(set) var firstBroken: String?

    mutating func expect(_ holds: Bool, _ what: @autoclosure () -> String) {
        if !holds, firstBroken == nil { firstBroken = what() }
    }
}

/// What has to hold after every step, and what has to hold when everybody has come to rest.
///
/// S2 and S7 are checked where an order changes and where an event is written.
extension World {
    mutating func checkAlways() {
        var checks = Checks()
        stepInvariants(&checks)
        if let broken = checks.firstBroken { violate(broken) }
    }

    /// Nothing is under way any more: every order is final, everybody knows, and the books agree.
    mutating func checkAtRest() {
        var checks = Checks()
        restInvariants(&checks)
        if let broken = checks.firstBroken { violate(broken) }
    }

    private func stepInvariants(_ checks: inout Checks) {
        checkStock(&checks)
        for order in placed.indices {
            checkMoney(order, &checks)
            checkSettlement(order, &checks)
            checks.expect(
                noticesWritten[order] == told[order].count,
                "S6 order \(order): \(noticesWritten[order]) notices")
        }
    }

    private func checkStock(_ checks: inout Checks) {
        var held = [Int64](repeating: 0, count: Self.skus.count)
        var sold = held
        for order in placed.indices {
            switch reservations[order] {
            case .held(let lines): Self.add(lines, to: &held)
            case .sold: Self.add(placed[order].lines, to: &sold)
            case .none, .rejected, .released: break
            }
        }
        for (index, level) in stock.enumerated() {
            checks.expect(
                level.available >= 0 && level.reserved >= 0 && level.sold >= 0
                    && level.available + level.reserved + level.sold == received[index],
                "S3 \(Self.skus[index]): \(level) of \(received[index])")
            checks.expect(
                level.reserved == held[index] && level.sold == sold[index],
                "S3 \(Self.skus[index]): \(level), but \(held[index]) are held and \(sold[index]) sold")
        }
    }

    private static func add(_ lines: [StockLine], to sums: inout [Int64]) {
        for line in lines {
            if let index = skus.firstIndex(of: line.sku) { sums[index] += line.quantity }
        }
    }

    private func checkMoney(_ order: Int, _ checks: inout Checks) {
        let books = gateway[order]
        checks.expect(books.captures <= 1, "S5 order \(order) was charged \(books.captures) times")
        checks.expect(
            books.refunds <= books.captures, "S5 order \(order) was refunded more than it was charged")
        let expected: Int64 =
            switch payments[order] {
            case .captured(let charge), .refunding(let charge): charge.amount.amount
            case .none, .requested, .declined, .voiding, .voided, .refunded: 0
            }
        checks.expect(
            kept[order] == expected,
            "S5 order \(order): the ledger has \(kept[order]), the payment is \(payments[order].status)")
    }

    /// A final order implies that stock and money are where they belong, and that at once.
    private func checkSettlement(_ order: Int, _ checks: inout Checks) {
        let (stock, money) = (reservations[order].status, payments[order].status)
        switch orders[order].status {
        case .confirmed:
            checks.expect(money == .captured, "S5 order \(order) is confirmed and its payment \(money)")
            checks.expect(
                stock == .held || stock == .sold, "S4 order \(order) is confirmed and its stock \(stock)")
        case .cancelled:
            checks.expect(
                stock == .rejected || stock == .released, "S4 order \(order) is cancelled, its stock \(stock)"
            )
            checks.expect(
                gateway[order].captures == gateway[order].refunds,
                "S5 order \(order) is cancelled and the customer has paid")
            checks.expect(
                money == .none || money == .declined || money == .voided || money == .refunded,
                "S5 order \(order) is cancelled and its payment \(money)")
        case .pending, .cancelling:
            checks.expect(stock != .sold, "S4 order \(order) is \(orders[order].status) and its stock sold")
        }
    }

    private func restInvariants(_ checks: inout Checks) {
        for order in placed.indices {
            let status = orders[order].status
            let final: Channel = status == .confirmed ? .confirmed : .cancelled
            checks.expect(
                status == .confirmed || status == .cancelled, "liveness: order \(order) stays \(status)")
            checks.expect(told[order].count == 2, "liveness: order \(order) has \(told[order].count) notices")
            checks.expect(
                outboxes[Service.orders.index].count { $0.order == order && $0.channel == final } == 1,
                "S2 order \(order) is \(status), but that was not announced once")
            let books = gateway[order]
            let paid = status == .confirmed ? placed[order].charge.amount.amount : 0
            checks.expect(
                kept[order] == paid, "S5 order \(order) is \(status) and the shop kept \(kept[order])")
            checks.expect(
                books.captures - books.refunds == (paid > 0 ? 1 : 0),
                "S5 order \(order): the gateway disagrees")
            checks.expect(
                reservations[order].status != .held, "S4 order \(order) is \(status) and its stock still held"
            )
        }
        for (index, level) in stock.enumerated() {
            checks.expect(
                level.reserved == 0, "S3 \(Self.skus[index]) has \(level.reserved) reserved at rest")
        }
        let keys = placed.map(\.key)
        checks.expect(Set(keys).count == keys.count, "S1 a key has two orders")
        checkLedger(&checks)
    }

    private func checkLedger(_ checks: inout Checks) {
        do {
            let balances = try Ledger.replay(ledger)
            for order in placed.indices {
                let balance = balances[Self.identifier(order)]?.kept ?? 0
                checks.expect(
                    balance == kept[order], "S5 order \(order): the ledger's replay says \(balance)")
            }
        } catch {
            checks.expect(false, "S5 the ledger is broken: \(error)")
        }
    }
}
