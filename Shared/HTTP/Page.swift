/// Where a list goes on: the sort key of the last item shown, opaque to the client.
///
/// A keyset cursor stays right while rows come and go, and costs the same on every page.
package struct Cursor: Hashable, Sendable {
    /// The parts of the sort key, as text.
    package let key: [String]

    package init(_ key: [String]) { self.key = key }

    /// What the client gets and gives back: base64url without padding.
    package var text: String {
        Base64URL.encode(Array(key.joined(separator: Cursor.separator).utf8))
    }

    /// Nil for what we never gave out; the caller still has to check each part.
    package init?(_ text: String) {
        guard let bytes = Base64URL.decode(text), let joined = String(validating: bytes, as: UTF8.self) else {
            return nil
        }
        key = joined.split(separator: Cursor.separator, omittingEmptySubsequences: false).map(String.init)
    }

    private static let separator = "\u{1F}"
}

extension HTTPRequest {
    /// The `limit` parameter.
    ///
    /// - Throws: 400 unless it is 1 to 200.
    package func limit(default standard: Int = 50) throws(Problem) -> Int {
        guard let text = query("limit") else { return standard }
        guard let limit = Int(text), (1...200).contains(limit) else {
            throw .badRequest("`limit` must be a whole number from 1 to 200.")
        }
        return limit
    }

    /// The `cursor` parameter; nil for the first page.
    ///
    /// - Throws: 400 unless it has the form, and as many parts, as those we give out.
    package func cursor(parts: Int) throws(Problem) -> Cursor? {
        guard let text = query("cursor"), !text.isEmpty else { return nil }
        guard let cursor = Cursor(text), cursor.key.count == parts else {
            throw .notACursor
        }
        return cursor
    }
}

extension Problem {
    /// The 400 for a cursor that we never gave out; also for whoever checks its parts.
    package static let notACursor = Problem.badRequest(
        "`cursor` must be the `nextCursor` of the page before, unchanged.")
}

/// RFC 4648, section 5, without padding.
enum Base64URL {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        var pending: UInt32 = 0
        var bits = 0
        for byte in bytes {
            pending = pending << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                out.append(alphabet[Int(pending >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { out.append(alphabet[Int(pending << UInt32(6 - bits) & 63)]) }
        return String(decoding: out, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        guard text.utf8.count % 4 != 1 else { return nil }
        var out: [UInt8] = []
        var pending: UInt32 = 0
        var bits = 0
        for character in text.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            pending = pending << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                out.append(UInt8(truncatingIfNeeded: pending >> UInt32(bits)))
            }
        }
        return out
    }
}
