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

    /// A version 7 identifier of the given moment from the system's random numbers.
    package static func v7(at time: Timestamp) -> Identifier {
        var generator = SystemRandomNumberGenerator()
        return v7(unixMilliseconds: time.unixMilliseconds, random: (generator.next(), generator.next()))
    }

    /// Reads the canonical form, `01890a5d-ac96-774b-bcce-b302099a8057`, in either case; nil for anything else.
    ///
    /// Not for any `StringProtocol`: other modules would call it unspecialized, and reading the headers of an event would
    /// take three times as long.
    package init?(_ text: String) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var position = 0
        for byte in text.utf8 {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard position < 36, let digit = Identifier.digit(byte) else { return nil }
                if position < 18 { high = high << 4 | digit } else { low = low << 4 | digit }
            }
            position += 1
        }
        guard position == 36 else { return nil }
        self.init(high: high, low: low)
    }

    private static func digit(_ byte: UInt8) -> UInt64? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
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
            var position = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = nibble < 16 ? high : low
                let digit = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * (nibble % 16))) & 15
                buffer[position] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                position += 1
            }
            return position
        }
    }

    /// The last four characters: enough for a person to follow one order through a log.
    package var short: String { String(description.suffix(4)) }
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
