package import Kernel

/// What the values of an event must be beside having the right form: bounds that every service keeps at its own edge.
///
/// A record beyond them is a fault or a forgery. Stored or passed on it would do harm later, far from who sent it. What
/// has been released must be read for ever, so a bound may be widened and never narrowed.
package enum EventRule {
    /// Of tokens and customers' ids, in Unicode scalars.
    static let textMax = 100
    /// Of a product's name.
    static let nameMax = 200
    static let skuMax = 64
    static let linesMax = 100
    static let quantityMax: Int64 = 10_000
    /// A change in every millisecond for 30 years.
    ///
    /// A reader keeps the highest version it has seen, so one that no later one can exceed would end all updates.
    static let versionMax: Int64 = 1_000_000_000_000

    /// - Parameter field: the path to the value, as JSON has it.
    package static func require(
        _ isKept: Bool, _ field: @autoclosure () -> String, _ words: @autoclosure () -> String
    ) throws(ContractError) {
        guard isKept else { throw .undecodable("\(field()) \(words())") }
    }

    /// Money that moves, or is asked for.
    package static func requirePositive(
        _ money: Money, _ field: @autoclosure () -> String
    ) throws(ContractError) {
        try require(money.amount > 0, "\(field()).amount", "is below 1")
    }

    package static func require(
        _ value: Int64, in range: ClosedRange<Int64>, _ field: @autoclosure () -> String
    ) throws(ContractError) {
        try require(
            range.contains(value), field(), "is not between \(range.lowerBound) and \(range.upperBound)")
    }

    package static func requireText(
        _ text: String, _ field: @autoclosure () -> String, _ lengths: ClosedRange<Int> = 1...textMax
    ) throws(ContractError) {
        try require(
            TextRule.accepts(text, lengths: lengths), field(),
            "is not \(lengths.lowerBound) to \(lengths.upperBound) characters, none of them a control character"
        )
    }

    /// Whom an event is about.
    ///
    /// Not by the rule for addresses, which is narrower than it was: an order that was taken must come to its end.
    package static func requireCustomer(_ id: String, email: String?) throws(ContractError) {
        try requireText(id, "customerId")
        if let email { try requireText(email, "email", 3...TextRule.addressMax) }
    }

    package static func requireLines(count: Int) throws(ContractError) {
        try require((1...linesMax).contains(count), "lines", "are not 1 to \(linesMax)")
    }

    /// - Parameter index: of the line in its order, from 0.
    package static func requireLine(_ index: Int, sku: String, quantity: Int64) throws(ContractError) {
        // A SKU nobody sells is the business of inventory, which rejects the order.
        try requireText(sku, "lines.\(index).sku", 1...skuMax)
        try require(quantity, in: 1...quantityMax, "lines.\(index).quantity")
    }
}
