/// Turns the parts of Swift source that are not code into spaces.
///
/// So a word in a comment or a string is not taken for the thing. Lines and columns stay where they are. Knows nested comments, raw and multi-line strings, and the
/// code inside an interpolation; regex literals it does not know.
struct Blanking {
    private var bytes: [UInt8]
    private let blanksStrings: Bool
    private var index = 0

    static func withoutComments(_ text: String) -> String { blanked(text, strings: false) }

    static func withoutCommentsAndStrings(_ text: String) -> String { blanked(text, strings: true) }

    private static func blanked(_ text: String, strings: Bool) -> String {
        var blanking = Blanking(bytes: Array(text.utf8), blanksStrings: strings)
        blanking.code(untilParenthesisCloses: false)
        return String(decoding: blanking.bytes, as: UTF8.self)
    }

    private mutating func code(untilParenthesisCloses: Bool) {
        var depth = 0
        while index < bytes.count {
            if at("//") {
                while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { blank() }
            } else if at("/*") {
                comment()
            } else if bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "#") {
                string()
            } else {
                if bytes[index] == UInt8(ascii: "(") { depth += 1 }
                if bytes[index] == UInt8(ascii: ")") {
                    if untilParenthesisCloses, depth == 0 { return }
                    depth -= 1
                }
                index += 1
            }
        }
    }

    private mutating func comment() {
        var depth = 0
        repeat {
            if at("/*") {
                depth += 1
                blank(2)
            } else if at("*/") {
                depth -= 1
                blank(2)
            } else {
                blank()
            }
        } while depth > 0 && index < bytes.count
    }

    private mutating func string() {
        var hashes = 0
        while index < bytes.count, bytes[index] == UInt8(ascii: "#") {
            hashes += 1
            index += 1
        }
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { return }
        let fence = String(repeating: "#", count: hashes)
        let isMultiline = at("\"\"\"")
        let end = (isMultiline ? "\"\"\"" : "\"") + fence
        index += isMultiline ? 3 : 1
        while index < bytes.count, !at(end) {
            if at("\\" + fence + "(") {
                index += 2 + hashes
                code(untilParenthesisCloses: true)
                index += 1
            } else if at("\\" + fence) {
                blank(2 + hashes, ifStringsAre: true)
            } else if !isMultiline, bytes[index] == UInt8(ascii: "\n") {
                return
            } else {
                blank(1, ifStringsAre: true)
            }
        }
        index = min(index + end.utf8.count, bytes.count)
    }

    private func at(_ text: String) -> Bool {
        var place = index
        for byte in text.utf8 {
            guard place < bytes.count, bytes[place] == byte else { return false }
            place += 1
        }
        return true
    }

    private mutating func blank(_ count: Int = 1, ifStringsAre isString: Bool = false) {
        for _ in 0..<count where index < bytes.count {
            if bytes[index] != UInt8(ascii: "\n"), !isString || blanksStrings {
                bytes[index] = UInt8(ascii: " ")
            }
            index += 1
        }
    }
}
