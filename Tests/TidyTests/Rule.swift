import Testing

/// Something that the compiler can't check, with a sample that breaks it: a rule that never fires is not a rule.
struct Rule: Sendable, CustomTestStringConvertible {
    let name: String
    /// Why it stands, for whoever meets it in a failing build.
    let reason: String
    /// Breaks the rule; `findings` must say so.
    let red: SourceFile
    /// Looks much like `red` and is fine.
    let green: SourceFile
    /// The lines of a file that break the rule.
    let findings: @Sendable (SourceFile) -> [Finding]

    var testDescription: String { name }
}

struct Finding: Equatable, Sendable, CustomStringConvertible {
    let path: String
    let line: Int
    let what: String

    var description: String { "\(path):\(line): \(what)" }
}

extension Rule {
    /// A rule that words don't stand in the code of the files it applies to.
    ///
    /// Each is found where it stands as a word of its own; one may end in `(` or `!`.
    static func forbids(
        _ words: [String], _ name: String, because reason: String, red: SourceFile, green: SourceFile,
        where applies: @escaping @Sendable (SourceFile) -> Bool
    ) -> Rule {
        Rule(name: name, reason: reason, red: red, green: green) { file in
            guard applies(file) else { return [] }
            return words.flatMap { word in
                lines(of: word, in: file.code).map { Finding(path: file.path, line: $0, what: word) }
            }
        }
    }

    /// The lines, counted from 1, on which `word` stands and is not a part of a longer one.
    static func lines(of word: String, in text: String) -> [Int] {
        guard text.contains(word) else { return [] }
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
            index, line in
            line.ranges(of: word).contains { range in
                !(line[..<range.lowerBound].last?.isPartOfName ?? false)
                    && !((word.last?.isPartOfName ?? false)
                        && (line[range.upperBound...].first?.isPartOfName ?? false))
            } ? index + 1 : nil
        }
    }
}

extension Character {
    fileprivate var isPartOfName: Bool { isLetter || isNumber || self == "_" }
}
