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

    /// For people, with the decimals the currency has: `49.98 EUR`, `500 JPY`.
    package var text: String {
        let decimals = currency.decimals
        let digits = String(amount.magnitude)
        let sign = amount < 0 ? "-" : ""
        guard decimals > 0 else { return "\(sign)\(digits) \(currency.code)" }
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return "\(sign)\(padded.dropLast(decimals)).\(padded.suffix(decimals)) \(currency.code)"
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

    /// ISO 4217 list one, column "minor unit", where it is not 2.
    fileprivate var decimals: Int {
        switch code {
        case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
            "XAF", "XOF", "XPF":
            0
        case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND": 3
        case "CLF", "UYW": 4
        default: 2
        }
    }
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
