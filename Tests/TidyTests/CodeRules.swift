/// What the code of this repository does without.
enum CodeRules {
    static let all = [
        pureDomain, nothingPrinted, noTraps, nothingPublic, essentialsOnly, uncheckedIsExplained,
        sqlInStorage,
        noOutsidePackage, noPrivatePaths, noFailPoints,
    ]

    static let pureDomain = Rule.forbids(
        [
            "Date", "UUID", "Task", "random", "SystemRandomNumberGenerator", "shuffled", "randomElement",
            "ContinuousClock", "SuspendingClock", "async", "await", "actor", "v7", "now", "getenv",
        ],
        "A Domain has no clock, randomness or task",
        because: "the same decider runs in production, in the simulation and in a replay",
        red: SourceFile(path: "Services/Orders/Domain/A.swift", text: "let time = Date()\n"),
        green: SourceFile(path: "Services/Orders/Domain/A.swift", text: "let updated = \"Date\" // Date()\n")
    ) { $0.isDomain }

    static let nothingPrinted = Rule.forbids(
        ["print(", "debugPrint(", "dump("],
        "Services log; only a tool prints",
        because: "a line that no logger knows has no level, no fields and no reader",
        red: SourceFile(path: "Shared/HTTP/A.swift", text: "print(request)\n"),
        green: SourceFile(path: "deploy/Shop/A.swift", text: "print(order)\n")
    ) { $0.isShipped && !$0.isTool }

    static let noTraps = Rule.forbids(
        ["try!", "fatalError(", "as!", "unowned"],
        "Shipped code does not trap on what can happen",
        because:
            "an error that is thrown is handled, retried or told; a trap takes every other order with it",
        red: SourceFile(path: "Shared/Kafka/A.swift", text: "let client = try! Client()\n"),
        green: SourceFile(
            path: "Shared/Kafka/A.swift", text: "let client = try Client() // try! would trap\n")
    ) { $0.isShipped }

    static let nothingPublic = Rule.forbids(
        ["public", "open class", "open func", "open var"],
        "Nothing is public",
        because: "targets see each other by `package`; this repository is a shop and not a library",
        red: SourceFile(path: "Shared/Kernel/A.swift", text: "public struct A {}\n"),
        green: SourceFile(path: "Shared/Kernel/A.swift", text: "package struct A {}\n")
    ) { $0.isSwift }

    static let essentialsOnly = Rule(
        name: "Shipped code uses FoundationEssentials, not all of Foundation",
        reason:
            "Foundation brings ICU: tens of megabytes in every process, for formats that the shop does not use",
        red: SourceFile(path: "Shared/HTTP/A.swift", text: "internal import Foundation\n"),
        green: SourceFile(path: "Shared/HTTP/A.swift", text: "internal import FoundationEssentials\n")
    ) { file in
        guard file.isShipped else { return [] }
        return file.imports.filter { $0.module == "Foundation" }
            .map { Finding(path: file.path, line: $0.line, what: "Foundation") }
    }

    static let uncheckedIsExplained = Rule(
        name: "What the compiler is told not to check is explained",
        reason:
            "`@unchecked Sendable` and `nonisolated(unsafe)` need a sentence that names what protects the value",
        red: SourceFile(path: "Shared/HTTP/A.swift", text: "\nfinal class A: @unchecked Sendable {}\n"),
        green: SourceFile(
            path: "Shared/HTTP/A.swift",
            text: "// Guarded by `lock`.\nfinal class A: @unchecked Sendable {}\n")
    ) { file in
        guard file.isSwift else { return [] }
        let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
        return ["@unchecked", "nonisolated(unsafe)"].flatMap { word in
            Rule.lines(of: word, in: file.code).filter { line in
                !lines[max(0, line - 3)..<line].contains { $0.contains("//") }
            }.map { Finding(path: file.path, line: $0, what: word) }
        }
    }

    static let sqlInStorage = Rule(
        name: "All SQL of a service stands in its Storage",
        reason: "who asks what a service keeps, and how, reads one folder",
        red: SourceFile(
            path: "Services/Orders/Service/API/A.swift", text: "let q = \"SELECT id FROM orders\"\n"),
        green: SourceFile(
            path: "Services/Orders/Service/Storage/A.swift", text: "let q = \"SELECT id FROM orders\"\n")
    ) { file in
        guard file.path.hasPrefix("Services/"), file.isSwift, !file.path.contains("/Storage/") else {
            return []
        }
        return ["SELECT", "INSERT INTO", "DELETE FROM", "CREATE TABLE"].flatMap { word in
            Rule.lines(of: word, in: file.statements).map { Finding(path: file.path, line: $0, what: word) }
        }
    }

    static let noOutsidePackage = Rule.forbids(
        [".package("],
        "No outside package",
        because:
            "a build downloads nothing but the distribution's packages, which bring the security updates",
        red: SourceFile(
            path: "Package.swift", text: "dependencies: [.package(url: \"https://example.com/a\")]\n"),
        green: SourceFile(path: "Package.swift", text: "let package = Package(name: \"quadrille\")\n")
    ) { $0.path == "Package.swift" }

    static let noFailPoints = Rule(
        name: "What ships has no fail points",
        reason: "a process that ends itself where a file says so belongs into experiments alone",
        red: SourceFile(
            path: "Shared/Messaging/A.swift",
            text: "#if FAIL_POINTS\n#else\nFailPoint.relaySent.reached()\n#endif\n"),
        green: SourceFile(
            path: "Shared/Messaging/A.swift",
            text: "#if FAIL_POINTS\n#if DEBUG\n#endif\nFailPoint.relaySent.reached()\n#endif\n")
    ) { file in
        guard file.path != "Package.swift" else {
            let debugOnly = ".define(\"FAIL_POINTS\", .when(configuration: .debug))"
            return Rule.lines(of: "FAIL_POINTS", in: file.text.replacing(debugOnly, with: ""))
                .map { Finding(path: file.path, line: $0, what: "FAIL_POINTS in other builds than debug") }
        }
        guard file.isShipped, !file.path.hasPrefix("deploy/Faults/") else { return [] }
        var conditions: [Bool] = []
        var findings: [Finding] = []
        for (index, line) in file.code.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(separator: " ")
            switch words.first {
            case "#if": conditions.append(words.count == 2 && words[1] == "FAIL_POINTS")
            case "#else", "#elseif": conditions[max(0, conditions.count - 1)...] = [false]
            case "#endif": _ = conditions.popLast()
            default:
                guard !conditions.contains(true), line.contains("FailPoint") else { continue }
                findings.append(Finding(path: file.path, line: index + 1, what: "FailPoint"))
            }
        }
        return findings
    }

    static let noPrivatePaths = Rule(
        name: "Only .ci/run looks outside the repository",
        reason: "a clone works wherever it lies",
        red: SourceFile(path: "deploy/up.sh", text: "source ../shar" + "ed/common.sh\n"),
        green: SourceFile(path: "deploy/up.sh", text: "source lib/common.sh\n")
    ) { file in
        guard file.path != ".ci/run" else { return [] }
        return Rule.lines(of: "../shar" + "ed", in: file.text)
            .map { Finding(path: file.path, line: $0, what: "a path outside") }
    }
}
