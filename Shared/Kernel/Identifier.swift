/// A 128-bit identifier, in practice a UUIDv7 (RFC 9562): ids made later sort later.
///
/// It is written as 36 characters in lower case, in JSON, in Kafka keys and in URLs alike, since a partitioner
/// hashes the bytes of the text and not the number.
package struct Identifier: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A version 7 identifier from a time and random bits; 48 bits of milliseconds lead, so it sorts by time.
    ///
    /// Pure on purpose: whoever calls decides where time and randomness come from, and a test can repeat both.
    package static func v7(unixMilliseconds: Int64, random: (UInt64, UInt64)) -> Identifier {
        let time = UInt64(bitPattern: unixMilliseconds) << 16
        return Identifier(
            high: time | 0x7000 | (random.0 & 0x0FFF), low: 0x8000_0000_0000_0000 | (random.1 >> 2))
    }

    /// Reads the canonical form, `01890a5d-ac96-774b-bcce-b302099a8057`, in either case; nil for anything else.
    ///
    /// Not for any `StringProtocol`: other modules would call it unspecialized, and reading the headers of an event would
    /// take three times as long.
    package init?(_ text: String) {
        var text = text
        guard let value = text.withUTF8({ Identifier(utf8: $0) }) else { return nil }
        self = value
    }

    /// Reads the same of bytes that are no `String` yet.
    package init?(utf8 bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count == 36 else { return nil }
        let dash = UInt8(ascii: "-")
        var wrong = (bytes[8] ^ dash) | (bytes[13] ^ dash) | (bytes[18] ^ dash) | (bytes[23] ^ dash)
        func number(_ range: Range<Int>) -> UInt64 {
            var number: UInt64 = 0
            for position in range {
                let digit = Identifier.digit(bytes[position])
                // No digit sets the upper half of it.
                wrong |= digit & 0xF0
                number = number << 4 | UInt64(digit)
            }
            return number
        }
        let high = number(0..<8) << 32 | number(9..<13) << 16 | number(14..<18)
        let low = number(19..<23) << 48 | number(24..<36)
        guard wrong == 0 else { return nil }
        self.init(high: high, low: low)
    }

    /// 255 for what is none.
    private static func digit(_ byte: UInt8) -> UInt8 {
        let decimal = byte &- UInt8(ascii: "0")
        if decimal < 10 { return decimal }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? letter + 10 : 255
    }
}

extension Identifier: Comparable {
    package static func < (left: Identifier, right: Identifier) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension Identifier: CustomStringConvertible {
    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            var (high, low) = (high, low)
            for position in 0..<36 {
                switch position {
                case 8, 13, 18, 23: buffer[position] = UInt8(ascii: "-")
                case ..<18: buffer[position] = Identifier.nextDigit(of: &high)
                default: buffer[position] = Identifier.nextDigit(of: &low)
                }
            }
            return 36
        }
    }

    private static func nextDigit(of word: inout UInt64) -> UInt8 {
        let digit = UInt8(truncatingIfNeeded: word >> 60)
        word <<= 4
        return digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
    }

    /// The last four characters: enough for a person to follow one order through a log.
    package var short: String {
        let digits = String(low & 0xFFFF, radix: 16)
        return String(repeating: "0", count: 4 - digits.utf8.count) + digits
    }
}

extension Identifier: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Identifier(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a UUID")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
