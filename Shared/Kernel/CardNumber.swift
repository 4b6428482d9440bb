/// Finds what looks like the number of a payment card, so that the edge can refuse it before it is stored or
/// logged.
package enum CardNumber {
    /// Whether some of the digits could be a card's number, written in one piece or in groups.
    ///
    /// They could if there are as many as `digits` says, if they start with 2 to 6 as the numbers of all card
    /// networks do, and if their Luhn check digit is right. Groups have 3 to 6 digits with one space or dash
    /// between them. One in ten numbers passes the check, so a clock's digits (which start with 1) and random
    /// ids (a UUID, a word of 32 letters and digits or more) are let through.
    ///
    /// Takes time in the square of the text's length: look only in text whose length was accepted.
    package static func appears(in text: String, digits: ClosedRange<Int> = 13...19) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count >= digits.lowerBound else { return false }
        let groups = groupsOfDigits(in: bytes)
        for first in groups.indices {
            var count = 0
            for last in first..<groups.count {
                count += groups[last].count
                guard count <= digits.upperBound else { break }
                if last > first {
                    guard groupLengths.contains(groups[first].count),
                        groupLengths.contains(groups[last].count),
                        isOneSeparator(bytes[groups[last - 1].upperBound..<groups[last].lowerBound])
                    else { break }
                }
                let place = groups[first].lowerBound..<groups[last].upperBound
                if count >= digits.lowerBound, isNumber(bytes[place]), !isInsideAnIdentifier(place, of: bytes)
                {
                    return true
                }
            }
        }
        return false
    }

    private static let groupLengths = 3...6

    private static func groupsOfDigits(in bytes: [UInt8]) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var position = 0
        while position < bytes.count {
            let start = position
            while position < bytes.count, isDigit(bytes[position]) { position += 1 }
            if position > start { groups.append(start..<position) } else { position += 1 }
        }
        return groups
    }

    private static func isOneSeparator(_ between: ArraySlice<UInt8>) -> Bool {
        between.count == 1 && between.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "-") }
    }

    /// Whether the digits start like a card's number and check out.
    ///
    /// ISO/IEC 7812-1, annex B: from the right, each second digit counts twice, less nine if that has two
    /// digits.
    private static func isNumber(_ text: ArraySlice<UInt8>) -> Bool {
        let digits = text.filter(isDigit).map { Int($0 - UInt8(ascii: "0")) }
        guard let first = digits.first, (2...6).contains(first) else { return false }
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let doubled = digit * 2
            sum += place % 2 == 0 ? digit : (doubled > 9 ? doubled - 9 : doubled)
        }
        return sum % 10 == 0
    }

    private static func isInsideAnIdentifier(_ place: Range<Int>, of bytes: [UInt8]) -> Bool {
        // In groups, it is no word.
        if bytes[place].allSatisfy(isDigit), widen(place, in: bytes, while: isAlphanumeric).count >= 32 {
            return true
        }
        let dashed = widen(place, in: bytes) { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        // The last characters of it, for an id may have a kind before it: `customer-01890a5d-...`.
        let id = bytes[dashed].suffix(36)
        return id.startIndex <= place.lowerBound && Identifier(String(decoding: id, as: UTF8.self)) != nil
    }

    private static func widen(
        _ place: Range<Int>, in bytes: [UInt8], while belongs: (UInt8) -> Bool
    ) -> Range<Int> {
        var (start, end) = (place.lowerBound, place.upperBound)
        while start > 0, belongs(bytes[start - 1]) { start -= 1 }
        while end < bytes.count, belongs(bytes[end]) { end += 1 }
        return start..<end
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
