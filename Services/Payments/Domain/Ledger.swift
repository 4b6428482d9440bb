package import Kernel

/// One line of the ledger, which is only ever appended to.
///
/// Seen from the shop: what it has at the gateway, and what the customer gave it. A plus on the one is a
/// minus on the other, so the entries of each posting sum to zero, and so does the whole ledger.
package struct LedgerEntry: Hashable, Sendable {
    package enum Account: String, Hashable, Sendable, CaseIterable { case gateway, customer }

    package let orderID: Identifier
    package let kind: Posting.Kind
    package let account: Account
    package let amount: Money

    package init(orderID: Identifier, kind: Posting.Kind, account: Account, amount: Money) {
        self.orderID = orderID
        self.kind = kind
        self.account = account
        self.amount = amount
    }
}

/// Money that moved between a customer and the gateway, as one step.
package struct Posting: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable { case capture, refund }

    package let kind: Kind
    /// Above zero, whichever way it goes.
    package let amount: Money

    package static func capture(_ amount: Money) -> Posting { Posting(kind: .capture, amount: amount) }

    package static func refund(_ amount: Money) -> Posting { Posting(kind: .refund, amount: amount) }

    package func entries(for orderID: Identifier) -> [LedgerEntry] {
        let sign: Int64 =
            switch kind {
            case .capture: 1
            case .refund: -1
            }
        func entry(_ account: LedgerEntry.Account, _ amount: Int64) -> LedgerEntry {
            LedgerEntry(
                orderID: orderID, kind: kind, account: account,
                amount: Money(amount: amount, currency: self.amount.currency))
        }
        return [entry(.gateway, sign * amount.amount), entry(.customer, -sign * amount.amount)]
    }
}

/// What the ledger says of one order.
package struct LedgerBalance: Hashable, Sendable {
    /// Nil until the capture is posted.
    package var captured: Money?
    package var refunded: Money?

    package init(captured: Money? = nil, refunded: Money? = nil) {
        self.captured = captured
        self.refunded = refunded
    }

    /// What the shop has of the customer's money.
    package var kept: Int64 { (captured?.amount ?? 0) - (refunded?.amount ?? 0) }
}

/// Why entries are no ledger of ours: somebody wrote to the table by hand, or there is a bug.
package enum LedgerError: Error, Hashable {
    case unbalanced(Identifier)
    case postedTwice(Identifier, Posting.Kind)
    case refundWithoutCapture(Identifier)
    case refundOfAnotherAmount(Identifier)
    case notPositive(Identifier)
}

package enum Ledger {
    /// Each order's money from its entries alone, in the order they were appended: what a payment must agree with.
    ///
    /// The simulation and the tests ask this; of the shop itself the audit asks the same in SQL.
    ///
    /// - Throws: `LedgerError`; the caller reports it and touches nothing.
    package static func replay(
        _ entries: some Sequence<LedgerEntry>
    ) throws(LedgerError) -> [Identifier: LedgerBalance] {
        var balances: [Identifier: LedgerBalance] = [:]
        var half: LedgerEntry?
        for entry in entries {
            guard let first = half else {
                half = entry
                continue
            }
            half = nil
            let posting = try posting(first, entry)
            try post(posting, entry.orderID, to: &balances[entry.orderID, default: LedgerBalance()])
        }
        if let half { throw .unbalanced(half.orderID) }
        return balances
    }

    /// The posting of which two neighbours are the entries.
    private static func posting(_ one: LedgerEntry, _ other: LedgerEntry) throws(LedgerError) -> Posting {
        let sums = try? one.amount.adding(other.amount)
        guard one.orderID == other.orderID, one.kind == other.kind, one.account != other.account,
            sums?.amount == 0
        else { throw .unbalanced(one.orderID) }
        let gateway = one.account == .gateway ? one.amount : other.amount
        let amount: Int64 =
            switch one.kind {
            case .capture: gateway.amount
            case .refund: -gateway.amount
            }
        guard amount > 0 else { throw .notPositive(one.orderID) }
        return Posting(kind: one.kind, amount: Money(amount: amount, currency: gateway.currency))
    }

    private static func post(
        _ posting: Posting, _ orderID: Identifier, to balance: inout LedgerBalance
    ) throws(LedgerError) {
        switch posting.kind {
        case .capture:
            guard balance.captured == nil else { throw .postedTwice(orderID, .capture) }
            balance.captured = posting.amount
        case .refund:
            guard let captured = balance.captured else { throw .refundWithoutCapture(orderID) }
            guard balance.refunded == nil else { throw .postedTwice(orderID, .refund) }
            guard captured == posting.amount else { throw .refundOfAnotherAmount(orderID) }
            balance.refunded = posting.amount
        }
    }
}
