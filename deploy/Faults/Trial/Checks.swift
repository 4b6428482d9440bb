import FoundationEssentials
import ShopHarness
import TestSupport

/// What must hold after every experiment.
extension Trial {
    private struct AuditFinding: Decodable {
        let check: String
        let state: String
        let violations: Int64?
        let says: String
        let examples: [String]
    }

    /// Waits until nothing is under way, and then has the books audited.
    ///
    /// - Parameter deadLetters: how many records were spoilt on purpose.
    func settle(deadLetters: Int? = nil) async throws {
        let began = now()
        do {
            try await eventually("nothing is under way", within: .seconds(60)) {
                try await lasting { try await shop.books.underWay().isEmpty }
            }
        } catch is NotInTime {
            let rest = try await shop.books.underWay()
            report.fail(
                "\(rest.count) things under way 60 s after the load, such as: "
                    + rest.prefix(5).joined(separator: "; "))
        }
        report.tally.count("ms to drain", Int((now() - began) * 1000))
        // What is still on its way to a reader a moment later is not wrong.
        var findings: [AuditFinding] = []
        repeat {
            findings = try await audit(deadLetters)
            if findings.isEmpty { break }
            try await pause(0.5)
        } while now() - began < 60
        for finding in findings {
            report.fail(
                "\(finding.check) \(finding.says): \(finding.violations ?? 0), such as "
                    + finding.examples.prefix(3).joined(separator: "; "))
        }
    }

    /// What the audit finds wrong; empty when all is right.
    private func audit(_ deadLetters: Int?) async throws -> [AuditFinding] {
        let words =
            ["audit", "--at-rest", "--json"] + (deadLetters.map { ["--dead-letters", "\($0)"] } ?? [])
        let (code, output) = try await shop.tool(words, within: .seconds(300))
        guard let start = output.firstIndex(of: "[") else { throw Failure("shop audit says \(output)") }
        let findings = try JSONDecoder().decode([AuditFinding].self, from: Data(output[start...].utf8))
        let wrong = findings.filter { $0.state == "FAIL" }
        guard (code == 0) == wrong.isEmpty, findings.count >= 13 else {
            throw Failure("shop audit ended with \(code): \(output)")
        }
        return wrong
    }

    /// Holds what customers were told against the books.
    func check(_ promises: [Promise]) async throws {
        let rows = try await lasting {
            try await shop.books.texts(
                """
                SELECT key || ' ' || order_id || ' ' || coalesce(status, '') FROM orders.idempotency_key
                LEFT JOIN orders.orders ON id = order_id
                """)
        }
        var books: [Substring: (order: Substring, status: Substring)] = [:]
        for row in rows {
            let words = row.split(separator: " ", omittingEmptySubsequences: false)
            if words.count == 3 { books[words[0]] = (words[1], words[2]) }
        }
        for promise in promises {
            guard let entry = books[Substring(promise.key)] else {
                report.fail("\(promise.key) was taken as \(promise.order), and nobody knows it")
                continue
            }
            report.expect(
                entry.order == promise.order,
                "\(promise.key) was taken as \(promise.order), and is \(entry.order)")
            guard let end = promise.end else { continue }
            report.expect(entry.status == end, "\(promise.order) was \(end), and is \(entry.status)")
        }
        report.tally.count("orders acknowledged", promises.count)
    }
}
