package import Kernel

/// The lines of an order with the prices of the moment it was placed, which it keeps.
package struct PricedOrder: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package let sku: String
        package let quantity: Int64
        package let unitPrice: Money

        package init(sku: String, quantity: Int64, unitPrice: Money) {
            self.sku = sku
            self.quantity = quantity
            self.unitPrice = unitPrice
        }
    }

    package let lines: [Line]
    package let total: Money
}

extension OrderDraft {
    /// The order at today's prices, of which those of the draft's SKUs are enough.
    ///
    /// - Throws: `RequestRefused` for an unknown SKU, for a price below 1, for lines in several currencies, and for a
    ///   total that no amount can hold. The client is told what to change.
    package func priced(by prices: [String: Money]) throws(RequestRefused) -> PricedOrder {
        try refuseLines("Nothing is sold under this SKU; see inventory's GET /v1/products.") {
            prices[$0.sku] == nil
        }
        try refuseLines("This has no valid price now: order it later, or leave it out.") {
            (prices[$0.sku]?.amount ?? 0) < 1
        }
        var priced: [PricedOrder.Line] = []
        priced.reserveCapacity(lines.count)
        var total: Money?
        for (index, line) in lines.enumerated() {
            guard let unitPrice = prices[line.sku] else { continue }
            do {
                let sum = try unitPrice.multiplied(by: line.quantity)
                total = try total?.adding(sum) ?? sum
            } catch {
                throw RequestRefused([Self.violation(of: error, line: index)])
            }
            priced.append(PricedOrder.Line(sku: line.sku, quantity: line.quantity, unitPrice: unitPrice))
        }
        guard let total else { throw RequestRefused([Violation("/lines", "Order at least one line.")]) }
        return PricedOrder(lines: priced, total: total)
    }

    /// - Throws: `RequestRefused`, which names all lines that are at fault.
    private func refuseLines(_ wayOut: String, where isAtFault: (Line) -> Bool) throws(RequestRefused) {
        let found = lines.indices.filter { isAtFault(lines[$0]) }
        guard found.isEmpty else {
            throw RequestRefused(found.map { Violation("/lines/\($0)/sku", wayOut) })
        }
    }

    private static func violation(of error: MoneyError, line: Int) -> Violation {
        switch error {
        case .currenciesDiffer(let one, let other):
            Violation(
                "/lines/\(line)/sku",
                "This is sold in \(other.code) and the lines before in \(one.code): order them separately.")
        case .tooLarge:
            Violation("/lines/\(line)/quantity", "The total is too large: order less.")
        }
    }
}
