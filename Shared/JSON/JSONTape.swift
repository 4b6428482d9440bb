import Kernel

/// The values of a plain JSON document in the order in which they stand there.
final class JSONTape {
    struct Value {
        enum Kind { case object, array, string, integer, bool, null }

        let kind: Kind
        /// The bytes of it; of a string those between its quotes.
        var bytes: Range<Int32>
        /// The place on the tape behind this value and all that is in it.
        var next: Int32
    }

    private let bytes: [UInt8]
    let values: [Value]

    /// - Throws: `NotPlain`.
    init(_ bytes: [UInt8]) throws(NotPlain) {
        self.bytes = bytes
        self.values = try JSONScanner.values(of: bytes)
    }

    private func slice(_ value: Value) -> ArraySlice<UInt8> {
        bytes[Int(value.bytes.lowerBound)..<Int(value.bytes.upperBound)]
    }

    /// Of a string.
    func text(_ value: Value) -> String { String(decoding: slice(value), as: UTF8.self) }

    /// Of a string; nil where it is none.
    func identifier(_ value: Value) -> Identifier? {
        slice(value).withUnsafeBufferPointer { Identifier(utf8: $0) }
    }

    /// Of an integer; nil where 64 bits don't hold it.
    func integer(_ value: Value) -> Int64? {
        var rest = slice(value)
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest.removeFirst() }
        var result: Int64 = 0
        for byte in rest {
            let digit = Int64(byte &- UInt8(ascii: "0"))
            let (product, overflow) = result.multipliedReportingOverflow(by: 10)
            let sum =
                isNegative
                ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
            guard !overflow, !sum.overflow else { return nil }
            result = sum.partialValue
        }
        return result
    }

    /// The places of an object's keys; each one's value stands behind it.
    func keys(of object: Int) -> [Int] {
        var keys: [Int] = []
        var place = object + 1
        while place < values[object].next {
            keys.append(place)
            place = Int(values[place + 1].next)
        }
        return keys
    }

    /// How often an object has a member of this name, and the place of the first one's value.
    func member(_ name: String, of object: Int) -> (count: Int, place: Int) {
        var name = name
        return name.withUTF8 { name in
            var found = (count: 0, place: 0)
            var place = object + 1
            let end = Int(values[object].next)
            while place < end {
                if isKey(values[place], name) {
                    if found.count == 0 { found.place = place + 1 }
                    found.count += 1
                }
                place = Int(values[place + 1].next)
            }
            return found
        }
    }

    private func isKey(_ key: Value, _ name: UnsafeBufferPointer<UInt8>) -> Bool {
        guard key.bytes.count == name.count else { return false }
        let start = Int(key.bytes.lowerBound)
        for offset in 0..<name.count where bytes[start + offset] != name[offset] { return false }
        return true
    }
}

/// A document, or what a type wants of it, for which there is only Foundation's way.
struct NotPlain: Error {}
