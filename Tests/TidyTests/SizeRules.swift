/// How long a thing may be before a reader loses it.
enum SizeRules {
    static let all = [files, functions]
    static let fileLinesMax = 400
    static let functionLinesMax = 60

    static let files = Rule(
        name: "A file has at most 400 lines",
        reason: "one idea stands in one place, on a few screens",
        red: SourceFile(path: "Shared/HTTP/A.swift", text: String(repeating: "\n", count: fileLinesMax + 1)),
        green: SourceFile(path: "Shared/HTTP/A.swift", text: String(repeating: "\n", count: fileLinesMax))
    ) { file in
        let lines = file.text.utf8.count { $0 == UInt8(ascii: "\n") }
        guard file.isSwift, lines > fileLinesMax else { return [] }
        return [Finding(path: file.path, line: fileLinesMax + 1, what: "\(lines) lines")]
    }

    static let functions = Rule(
        name: "A function has at most 60 lines",
        reason: "it is read without scrolling",
        red: SourceFile(
            path: "Shared/HTTP/A.swift",
            text: "func a(\n    b: Int\n) {\n" + String(repeating: "    b()\n", count: 60) + "}\n"),
        green: SourceFile(
            path: "Shared/HTTP/A.swift",
            text: "protocol P {\n    func a()\n" + String(repeating: "    var b: Int { get }\n", count: 70)
                + "}\n")
    ) { file in
        guard file.isSwift else { return [] }
        return lengths(in: file.code).filter { $0.lines > functionLinesMax }
            .map { Finding(path: file.path, line: $0.start, what: "a function of \($0.lines) lines") }
    }

    /// The functions with a body in `code`, which has neither comments nor strings: where each starts, how long it is.
    static func lengths(in code: String) -> [(start: Int, lines: Int)] {
        let lines = code.split(separator: "\n", omittingEmptySubsequences: false).map { Array($0.utf8) }
        return lines.indices.compactMap { start in
            guard !Rule.lines(of: "func", in: String(decoding: lines[start], as: UTF8.self)).isEmpty else {
                return nil
            }
            var parentheses = 0
            var braces = 0
            for (index, line) in lines[start...].enumerated() {
                for byte in line {
                    switch byte {
                    case UInt8(ascii: "("): parentheses += 1
                    case UInt8(ascii: ")"): parentheses -= 1
                    case UInt8(ascii: "{"): braces += 1
                    case UInt8(ascii: "}"):
                        braces -= 1
                        if braces == 0 { return (start + 1, index + 1) }
                        // The brace of what surrounds a requirement, which has no body.
                        if braces < 0 { return nil }
                    default: break
                    }
                }
                // A declaration whose next line opens no body and continues nothing is a requirement.
                guard braces == 0, parentheses == 0, start + index + 1 < lines.count else { continue }
                let next = lines[start + index + 1].drop { $0 == UInt8(ascii: " ") }
                guard
                    ["{", "where", "->", "async", "throws", ")"].contains(where: {
                        next.starts(with: $0.utf8)
                    })
                else { return nil }
            }
            return nil
        }
    }
}
