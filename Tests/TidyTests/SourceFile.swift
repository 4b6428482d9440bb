import Foundation

/// A file of this repository, as the rules look at it.
struct SourceFile: Sendable {
    /// Relative to the repository's root, such as `Shared/Kernel/Money.swift`.
    let path: String
    /// As it stands on disk.
    let text: String
    /// Without comments: what a rule about SQL looks at.
    let statements: String
    /// Without comments and the contents of string literals: what a rule about code looks at.
    let code: String

    init(path: String, text: String) {
        self.path = path
        self.text = text
        statements = path.hasSuffix(".swift") ? Blanking.withoutComments(text) : text
        code = path.hasSuffix(".swift") ? Blanking.withoutCommentsAndStrings(text) : text
    }

    var isSwift: Bool { path.hasSuffix(".swift") && path != "Package.swift" }
    var isDomain: Bool {
        path.hasPrefix("Services/") && path.split(separator: "/").dropFirst(2).first == "Domain"
    }
    /// Swift that runs in the shop or in an operator's hand, as opposed to tests.
    var isShipped: Bool { isSwift && !path.hasPrefix("Tests/") }
    /// A tool for the terminal: what it prints is its work.
    var isTool: Bool { path.hasPrefix("deploy/") }

    /// The modules that the file imports, each with its line.
    var imports: [(module: String, line: Int)] {
        let kinds: Set<Substring> = [
            "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
        ]
        return code.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
            index, line in
            guard line.contains("import ") else { return nil }
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place <= 2 else { return nil }
            let named = words.dropFirst(place + 1).first { !kinds.contains($0) }
            return (named?.split(separator: ".").first).map { (String($0), index + 1) }
        }
    }
}

/// The files of the checkout that this test was built from.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Every text file that is part of the project, without what builds and runs leave behind.
    static let files: [SourceFile] = {
        let skipped: Set<String> = [".build", ".git", ".local", ".swiftpm", "LICENSE"]
        let kept: Set<String> = ["swift", "sh", "md", "yml", "yaml", "json", "h", "modulemap"]
        let found = FileManager.default.enumerator(atPath: root.path)
        var files: [SourceFile] = []
        while let path = found?.nextObject() as? String {
            if skipped.contains(path) {
                found?.skipDescendants()
                continue
            }
            let suffix = path.split(separator: "/").last?.split(separator: ".").dropFirst().last.map(
                String.init)
            guard suffix == nil || suffix.map(kept.contains) == true,
                let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8)
            else { continue }
            files.append(SourceFile(path: path, text: text))
        }
        return files
    }()

    /// What stands at the top, without dot files.
    static var topLevel: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted()
    }
}
