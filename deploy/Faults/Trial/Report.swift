import Synchronization

/// What an experiment did and found, as it goes along.
final class Report: Sendable {
    let tally = Tally()
    private let state = Mutex(State())

    private struct State {
        var faults = 0
        var failures: [String] = []
    }

    /// One more fault, done.
    func fault(_ count: Int = 1) { state.withLock { $0.faults += count } }

    func fail(_ what: String) {
        state.withLock { if $0.failures.count < 40 { $0.failures.append(what) } }
    }

    /// Fails unless it is so.
    func expect(_ isSo: Bool, _ what: @autoclosure () -> String) { if !isSo { fail(what()) } }

    var faults: Int { state.withLock(\.faults) }
    var failures: [String] { state.withLock(\.failures) }
}
