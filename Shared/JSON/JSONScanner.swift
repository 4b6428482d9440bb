/// Finds the values of a plain JSON document in one pass.
///
/// Plain is what RFC 8259 allows, without what events of ours hardly ever have, and readers have been known to take
/// differently: escapes, keys beyond ASCII, numbers with a fraction or an exponent, depth beyond `depthMax`.
struct JSONScanner {
    private static let depthMax = 32

    private let bytes: [UInt8]
    private var position = 0
    private var hasMoreThanASCII = false
    private var values: [JSONTape.Value] = []

    /// - Throws: `NotPlain`.
    static func values(of bytes: [UInt8]) throws(NotPlain) -> [JSONTape.Value] {
        guard bytes.count < Int32.max else { throw NotPlain() }
        var scanner = JSONScanner(bytes)
        try scanner.value(depth: 0)
        scanner.skipSpace()
        guard scanner.position == bytes.count else { throw NotPlain() }
        if scanner.hasMoreThanASCII, String(validating: bytes, as: UTF8.self) == nil { throw NotPlain() }
        return scanner.values
    }

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
        values.reserveCapacity(bytes.count / 8)
    }

    /// The next byte, or 0, which no JSON has.
    private var head: UInt8 { position < bytes.count ? bytes[position] : 0 }

    private mutating func skipSpace() {
        while head == 0x20 || head == 0x0A || head == 0x0D || head == 0x09 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard head == byte else { return false }
        position += 1
        return true
    }

    private mutating func append(_ kind: JSONTape.Value.Kind, _ bytes: Range<Int>) {
        values.append(
            .init(
                kind: kind, bytes: Int32(bytes.lowerBound)..<Int32(bytes.upperBound),
                next: Int32(values.count + 1)))
    }

    private mutating func value(depth: Int) throws(NotPlain) {
        skipSpace()
        switch head {
        case UInt8(ascii: "{"): try group(.object, until: UInt8(ascii: "}"), depth: depth + 1)
        case UInt8(ascii: "["): try group(.array, until: UInt8(ascii: "]"), depth: depth + 1)
        case UInt8(ascii: "\""): hasMoreThanASCII = try !string() || hasMoreThanASCII
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try integer()
        case UInt8(ascii: "t"): try word("true", .bool)
        case UInt8(ascii: "f"): try word("false", .bool)
        case UInt8(ascii: "n"): try word("null", .null)
        default: throw NotPlain()
        }
    }

    private mutating func group(
        _ kind: JSONTape.Value.Kind, until end: UInt8, depth: Int
    ) throws(NotPlain) {
        guard depth <= Self.depthMax else { throw NotPlain() }
        let (place, start) = (values.count, position)
        append(kind, start..<start)
        position += 1
        if !take(end) {
            repeat {
                if kind == .object { try key() }
                try value(depth: depth)
            } while take(UInt8(ascii: ","))
            guard take(end) else { throw NotPlain() }
        }
        values[place].bytes = Int32(start)..<Int32(position)
        values[place].next = Int32(values.count)
    }

    private mutating func key() throws(NotPlain) {
        skipSpace()
        // Two keys of different bytes can be one to those who compare strings as Unicode does, such as Swift.
        guard head == UInt8(ascii: "\""), try string(), take(UInt8(ascii: ":")) else { throw NotPlain() }
    }

    /// Whether it is ASCII.
    private mutating func string() throws(NotPlain) -> Bool {
        let start = position + 1
        var all: UInt8 = 0
        position = start
        while head != UInt8(ascii: "\"") {
            guard head >= 0x20, head != UInt8(ascii: "\\") else { throw NotPlain() }
            all |= head
            position += 1
        }
        append(.string, start..<position)
        position += 1
        return all < 0x80
    }

    private mutating func integer() throws(NotPlain) {
        let start = position
        if head == UInt8(ascii: "-") { position += 1 }
        let first = position
        while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(head) { position += 1 }
        let hasLeadingZero = position > first + 1 && bytes[first] == UInt8(ascii: "0")
        guard position > first, !hasLeadingZero else { throw NotPlain() }
        // A fraction or an exponent that follows is no comma and no end, and so refused.
        append(.integer, start..<position)
    }

    private mutating func word(_ word: StaticString, _ kind: JSONTape.Value.Kind) throws(NotPlain) {
        let start = position
        for offset in 0..<word.utf8CodeUnitCount {
            guard head == word.utf8Start[offset] else { throw NotPlain() }
            position += 1
        }
        append(kind, start..<position)
    }
}
