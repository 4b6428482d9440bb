import Kernel

/// The bytes of a JSON document that is being written.
final class JSONWriter {
    // Private to one call of `encode`, and asked for at every value: the check at run time was a fifth of its cost.
    @exclusivity(unchecked) private(set) var bytes: [UInt8] = []
    /// What ends the groups under way, the innermost last.
    @exclusivity(unchecked) private var ends: [UInt8] = []

    init() { bytes.reserveCapacity(512) }

    /// The number of groups under way.
    var depth: Int { ends.count }

    func begin(_ start: UInt8, until end: UInt8) -> Int {
        bytes.append(start)
        ends.append(end)
        return ends.count
    }

    /// Ends groups until only this many are under way.
    func end(to depth: Int) {
        while ends.count > depth { bytes.append(ends.removeLast()) }
    }

    /// Makes room for another member in the group of this depth.
    func next(in depth: Int) {
        precondition(ends.count >= depth, "this container ended when its parent went on")
        end(to: depth)
        switch bytes.last {
        case UInt8(ascii: "{"), UInt8(ascii: "["): break
        default: bytes.append(UInt8(ascii: ","))
        }
    }

    func append(key: String) {
        bytes.append(jsonString: key)
        bytes.append(UInt8(ascii: ":"))
    }

    func append(string: String) { bytes.append(jsonString: string) }

    /// As its own `encode(to:)` would, without a container, which costs more than what is in it.
    func append(_ money: Money) {
        append(literal: "{\"amount\":")
        append(literal: String(money.amount))
        append(literal: ",\"currency\":")
        append(string: money.currency.code)
        append(literal: "}")
    }

    /// - Parameter literal: a number, `true`, `false`, `null` or an empty group.
    func append(literal: String) { bytes.append(contentsOf: literal.utf8) }
}
