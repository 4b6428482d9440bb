package import HTTP
import Synchronization

/// Whether a service can do its work, as `/readyz` says it; and `/livez`, which says only that the process
/// answers.
package final class Readiness: Sendable {
    /// What a check found.
    package enum Finding: Hashable, Sendable {
        case ok
        /// A few words for an operator, without secrets.
        case bad(String)
    }

    /// An error that it throws is a bad finding, in the words of the error.
    package typealias Check = @Sendable () async throws -> Finding

    private enum Phase { case starting, ready, stopping }

    private typealias Findings = [(name: String, finding: Finding)]

    private struct State {
        var phase = Phase.starting
        var checks: [(name: String, check: Check)] = []
        /// The last look, or the one that is under way.
        var look: Task<Findings, Never>?
        /// Until when all was found well; nil while the look is under way.
        var holdsUntil: ContinuousClock.Instant?
    }

    /// A check that takes longer is cancelled and counts as failed.
    private static let checkDeadline: Duration = .seconds(2)

    private let state = Mutex(State())
    private let lookInterval: Duration

    /// - Parameter lookInterval: how long it is told to all who ask that all is well. That it isn't is told to those who
    ///   asked meanwhile, since at a start whoever asks next waits for the change.
    package init(lookInterval: Duration = .seconds(1)) { self.lookInterval = lookInterval }

    /// Adds a check; it should cost little and must heed cancellation.
    ///
    /// However many ask, it is made once at a time. All are added before the first request.
    package func add(_ name: String, _ check: @escaping Check) {
        state.withLock { $0.checks.append((name, check)) }
    }

    package func becomeReady() { state.withLock { if $0.phase == .starting { $0.phase = .ready } } }

    /// From here on the service is not ready, so that no more work is sent to it.
    package func beginStopping() { state.withLock { $0.phase = .stopping } }

    /// `/livez` and `/readyz`, which are answered however much there is to do.
    package var routes: [Route] {
        [
            Route(.get, "/livez", importance: .vital) { _ in .text("ok\n") },
            Route(.get, "/readyz", importance: .vital) {
                await self.respond(isVerbose: $0.query("verbose") != nil)
            },
        ]
    }

    /// Every check's finding, in the order they were added, after the service's own phase.
    package func findings() async -> [(name: String, finding: Finding)] {
        let (phase, look) = state.withLock { ($0.phase, currentLook(&$0)) }
        let found = await look.value
        let own: Finding = phase == .ready ? .ok : .bad(phase == .starting ? "starting" : "stopping")
        return [("service", own)] + found
    }

    /// The look that is under way or has found all well a moment ago, else a new one.
    ///
    /// Its task is not structured: it is shared, and whoever asked first may leave first. `checkDeadline` ends it.
    private func currentLook(_ state: inout State) -> Task<Findings, Never> {
        if let look = state.look, state.holdsUntil.map({ .now < $0 }) ?? true { return look }
        let checks = state.checks
        let look = Task {
            let found = await Readiness.look(checks)
            let isWell = found.allSatisfy { $0.finding == .ok }
            self.state.withLock { $0.holdsUntil = isWell ? .now + self.lookInterval : .now }
            return found
        }
        state.look = look
        state.holdsUntil = nil
        return look
    }

    private static func look(_ checks: [(name: String, check: Check)]) async -> Findings {
        let found = await withTaskGroup(of: (Int, Finding).self) { group in
            for (index, entry) in checks.enumerated() {
                group.addTask { (index, await Readiness.limited(entry.check)) }
            }
            var found: [Int: Finding] = [:]
            while let (index, finding) = await group.next() { found[index] = finding }
            return found
        }
        return checks.indices.map { (checks[$0].name, found[$0] ?? .bad("not checked")) }
    }

    private static func limited(_ check: @escaping Check) async -> Finding {
        await withTaskGroup(of: Finding.self) { group in
            group.addTask {
                do { return try await check() } catch { return .bad("\(error)") }
            }
            group.addTask {
                do { try await Task.sleep(for: checkDeadline) } catch {}
                return .bad("no answer within \(checkDeadline)")
            }
            defer { group.cancelAll() }
            return await group.next() ?? .bad("not checked")
        }
    }

    private func respond(isVerbose: Bool) async -> HTTPResponse {
        let findings = await findings()
        let isReady = findings.allSatisfy { $0.finding == .ok }
        var text = ""
        for (name, finding) in findings where isVerbose || finding != .ok {
            switch finding {
            case .ok: text += "[+]\(name) ok\n"
            case .bad(let reason): text += "[-]\(name) \(reason)\n"
            }
        }
        text += isReady ? (isVerbose ? "ready\n" : "ok\n") : "not ready\n"
        return .text(text, status: isReady ? 200 : 503)
    }
}
