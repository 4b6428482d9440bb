/// One thing wrong with a request: where, and what to do about it.
package struct Violation: Hashable, Sendable {
    /// A JSON pointer (RFC 6901): `/lines/0/quantity`.
    package let pointer: String
    /// A sentence that says the way out; it never repeats the value, which may be a secret.
    package let detail: String

    package init(_ pointer: String, _ detail: String) {
        self.pointer = pointer
        self.detail = detail
    }
}

/// A request that can't be granted as it stands.
///
/// The edge answers 422 with the list; asking again won't help.
package struct RequestRefused: Error, Hashable {
    /// Never empty.
    package let violations: [Violation]

    package init(_ violations: [Violation]) { self.violations = violations }
}

/// The rules for text that comes from outside.
package enum TextRule {
    /// Counted in Unicode scalars, which is how Postgres counts too.
    ///
    /// Control characters are refused: NUL can't be stored in Postgres, and a line break could forge a mail
    /// header.
    package static func accepts(_ text: String, lengths: ClosedRange<Int>) -> Bool {
        var length = 0
        for scalar in text.unicodeScalars {
            length += 1
            guard length <= lengths.upperBound, scalar.value >= 0x20, !(0x7F...0x9F).contains(scalar.value)
            else { return false }
        }
        return lengths.contains(length)
    }

    /// A stock keeping unit: 1 to 64 of ASCII letters, digits, dot, dash and underscore, so it needs no
    /// escaping in a path, a Kafka key or a log.
    package static func acceptsSKU(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch Unicode.Scalar(byte) {
                case "a"..."z", "A"..."Z", "0"..."9", ".", "-", "_": true
                default: false
                }
            }
    }

    /// A W3C trace context of the form that version 00 has.
    ///
    /// It travels with every event of an order, so nothing else may come in by that header.
    package static func acceptsTraceparent(_ text: String) -> Bool {
        guard text.utf8.count == 55, text.utf8.starts(with: "00-".utf8) else { return false }
        var text = text
        return text.withUTF8 { bytes in
            bytes.indices.allSatisfy { index in
                if index == 2 || index == 35 || index == 52 { return bytes[index] == UInt8(ascii: "-") }
                return (0x30...0x39).contains(bytes[index]) || (0x61...0x66).contains(bytes[index])
            }
        }
    }

    /// Of an address, in bytes: RFC 5321 allows a path of 256 octets with its angle brackets.
    package static let addressMax = 254

    /// One address that mails are sent to: ASCII, and nothing that means something else in a mail's header.
    ///
    /// Enough to keep a mail server from choking; whether somebody reads there, only a mail can tell.
    package static func acceptsAddress(_ text: String) -> Bool {
        guard text.utf8.count <= addressMax else { return false }
        let isPlain = text.utf8.allSatisfy { byte in
            (0x21...0x7E).contains(byte) && !"<>()[],;:\\\"".utf8.contains(byte)
        }
        let parts = text.utf8.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard isPlain, parts.count == 2, !parts[0].isEmpty else { return false }
        let labels = parts[1].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return labels.allSatisfy { !$0.isEmpty }
    }
}
