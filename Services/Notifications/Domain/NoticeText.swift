package import Kernel

/// What a notice says.
package enum NoticeText {
    package static func write(_ message: NoticeMessage, order: Identifier) -> String {
        switch message {
        case .created(let total):
            "We have your order \(order.short) for \(amount(total)) and will tell you when it is confirmed."
        case .confirmed(let total):
            "Your order \(order.short) is confirmed. \(amount(total)) is paid and the goods are on their way."
        case .cancelled(let reason):
            "Your order \(order.short) is cancelled: \(why(reason)). No money was taken, or you have it back."
        }
    }

    private static func why(_ reason: NoticeReason) -> String {
        switch reason {
        case .outOfStock: "something in it is out of stock"
        case .paymentDeclined: "your payment was declined"
        case .customer: "as you asked"
        case .deadline: "it could not be confirmed in time"
        }
    }

    /// With the decimals the currency has: `49.98 EUR`, `500 JPY`.
    package static func amount(_ money: Money) -> String {
        let decimals = decimals(of: money.currency)
        let digits = String(money.amount.magnitude)
        let sign = money.amount < 0 ? "-" : ""
        guard decimals > 0 else { return "\(sign)\(digits) \(money.currency.code)" }
        let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
        return "\(sign)\(padded.dropLast(decimals)).\(padded.suffix(decimals)) \(money.currency.code)"
    }

    /// ISO 4217 list one, column "minor unit", where it is not 2.
    private static func decimals(of currency: Currency) -> Int {
        switch currency.code {
        case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
            "XAF", "XOF", "XPF":
            0
        case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND": 3
        case "CLF", "UYW": 4
        default: 2
        }
    }
}
