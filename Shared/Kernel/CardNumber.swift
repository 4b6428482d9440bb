/// Finds what looks like the number of a payment card, so that the edge can refuse it before it is stored or
/// logged.
package enum CardNumber {
    /// Whether a run of digits, with single spaces or dashes between them, could be a card's number.
    ///
    /// It could if its length is in `digits`, it starts with 2 to 6 as the numbers of all card networks do,
    /// and its Luhn check digit is right. One in ten numbers passes that check, so a clock's digits (which
    /// start with 1) and random ids (a UUID, a word of 32 letters and digits or more) are let through.
    package static func appears(in text: String, digits: ClosedRange<Int> = 13...19) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count >= digits.lowerBound else { return false }
        var position = 0
        while position < bytes.count {
            guard isDigit(bytes[position]) else {
                position += 1
                continue
            }
            let run = runOfDigits(in: bytes, from: position)
            let number = bytes[run].filter(isDigit)
            if digits.contains(number.count), startsLikeACard(number), passesLuhn(number),
                !isInsideAnIdentifier(run, of: bytes)
            {
                return true
            }
            position = run.upperBound
        }
        return false
    }

    private static func runOfDigits(in bytes: [UInt8], from start: Int) -> Range<Int> {
        var end = start + 1
        while end < bytes.count {
            if isDigit(bytes[end]) {
                end += 1
            } else if isSeparator(bytes[end]), end + 1 < bytes.count, isDigit(bytes[end + 1]) {
                end += 2
            } else {
                break
            }
        }
        return start..<end
    }

    private static func startsLikeACard(_ number: [UInt8]) -> Bool {
        number.first.map { (UInt8(ascii: "2")...UInt8(ascii: "6")).contains($0) } ?? false
    }

    /// ISO/IEC 7812-1, annex B: from the right, each second digit counts twice, less nine if that has two
    /// digits.
    private static func passesLuhn(_ number: [UInt8]) -> Bool {
        var sum = 0
        for (place, byte) in number.reversed().enumerated() {
            let digit = Int(byte - UInt8(ascii: "0"))
            let doubled = digit * 2
            sum += place % 2 == 0 ? digit : (doubled > 9 ? doubled - 9 : doubled)
        }
        return sum % 10 == 0
    }

    private static func isInsideAnIdentifier(_ run: Range<Int>, of bytes: [UInt8]) -> Bool {
        let word = widen(run, in: bytes, while: isAlphanumeric)
        if word.count >= 32 { return true }
        let dashed = widen(run, in: bytes) { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        return Identifier(String(decoding: bytes[dashed], as: UTF8.self)) != nil
    }

    private static func widen(
        _ run: Range<Int>, in bytes: [UInt8], while belongs: (UInt8) -> Bool
    ) -> Range<Int> {
        var (start, end) = (run.lowerBound, run.upperBound)
        while start > 0, belongs(bytes[start - 1]) { start -= 1 }
        while end < bytes.count, belongs(bytes[end]) { end += 1 }
        return start..<end
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "-")
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
