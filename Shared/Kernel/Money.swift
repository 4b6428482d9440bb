/// An amount in the minor unit of one currency: `4998 EUR` is 49.98 euros.
///
/// Sums are checked: neither an overflow nor a sum over two currencies gives a wrong number, both throw.
package struct Money: Hashable, Sendable, Codable {
    package let amount: Int64
    package let currency: Currency

    package init(amount: Int64, currency: Currency) {
        self.amount = amount
        self.currency = currency
    }

    /// - Throws: `MoneyError`; a caller refuses the order with it, as nothing that large is sold.
    package func adding(_ other: Money) throws(MoneyError) -> Money {
        guard currency == other.currency else { throw .currenciesDiffer(currency, other.currency) }
        let (sum, overflow) = amount.addingReportingOverflow(other.amount)
        guard !overflow else { throw .tooLarge }
        return Money(amount: sum, currency: currency)
    }

    /// - Throws: `MoneyError.tooLarge`.
    package func multiplied(by count: Int64) throws(MoneyError) -> Money {
        let (product, overflow) = amount.multipliedReportingOverflow(by: count)
        guard !overflow else { throw .tooLarge }
        return Money(amount: product, currency: currency)
    }
}

/// Why two amounts have no sum.
package enum MoneyError: Error, Hashable {
    case currenciesDiffer(Currency, Currency)
    case tooLarge
}

/// An ISO 4217 code: three upper-case letters.
package struct Currency: Hashable, Sendable {
    package let code: String

    /// Nil unless `code` is three upper-case ASCII letters.
    package init?(_ code: String) {
        let letters = UInt8(ascii: "A")...UInt8(ascii: "Z")
        guard code.utf8.count == 3, code.utf8.allSatisfy({ letters.contains($0) }) else { return nil }
        self.code = code
    }

    private init(known code: String) { self.code = code }

    package static let eur = Currency(known: "EUR")
}

extension Currency: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Currency(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an ISO 4217 code")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(code)
    }
}
