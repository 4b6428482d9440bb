import Observability
import Synchronization
import Testing

@testable import ServiceRuntime

@Suite("The life of a service")
struct LifecycleTests {
    struct Broken: Error {}

    let journal = Journal()
    let log = InMemoryLogHandler()
    let readiness = Readiness()

    func lifecycle(_ parts: [Part], stopDeadline: Duration = .seconds(15)) -> Lifecycle {
        let journal = journal
        return Lifecycle(
            parts: parts, readiness: readiness, logger: Logger(label: "test", handler: log),
            stopDeadline: stopDeadline
        ) { journal.note("exit \($0)") }
    }

    func part(_ name: String) -> Part {
        let journal = journal
        return Part(name, start: { journal.note("start \(name)") }, stop: { journal.note("stop \(name)") })
    }

    /// A part that works until it is cancelled, or fails when it is told to.
    func worker(_ name: String, failing: Bool = false) -> Part {
        let journal = journal
        return Part(
            name, start: { journal.note("start \(name)") },
            run: {
                journal.note("run \(name)")
                if failing { throw Broken() }
                try await Task.sleep(for: .seconds(600))
            }, stop: { journal.note("stop \(name)") })
    }

    @Test func `parts start in order and stop in reverse, and a signal is a success`() async {
        let (signals, send) = AsyncStream.makeStream(of: Int32.self)
        async let code = lifecycle([part("pool"), worker("consumer"), part("http")]).run(signals: signals)
        #expect(await journal.has("run consumer"))
        #expect(await eventually { await readiness.findings().first?.finding == .ok })
        send.yield(15)
        #expect(await code == 0)
        #expect(
            journal.notes == [
                "start pool", "start consumer", "start http", "run consumer", "stop http", "stop consumer",
                "stop pool",
            ])
        #expect(await readiness.findings().first?.finding == .bad("stopping"))
    }

    @Test func `a part that doesn't start ends the service with one line`() async {
        let broken = Part(
            "kafka", start: { throw Broken() }, stop: { [journal] in journal.note("stop kafka") })
        let (signals, _) = AsyncStream.makeStream(of: Int32.self)
        #expect(await lifecycle([part("pool"), broken, part("http")]).run(signals: signals) == 69)
        #expect(journal.notes == ["start pool", "stop pool"])
        let errors = log.lines.filter { $0.level >= .error }
        #expect(errors.map(\.message) == ["could not start"])
        #expect(errors.first?.metadata["part"] == "kafka")
    }

    @Test func `a part that fails later stops the others`() async {
        let (signals, _) = AsyncStream.makeStream(of: Int32.self)
        #expect(await lifecycle([part("pool"), worker("relay", failing: true)]).run(signals: signals) == 70)
        #expect(journal.notes == ["start pool", "start relay", "run relay", "stop relay", "stop pool"])
        #expect(log.lines.contains { $0.level == .critical && $0.metadata["part"] == "relay" })
    }

    @Test func `a part that ends by itself counts as failed`() async {
        let (signals, _) = AsyncStream.makeStream(of: Int32.self)
        #expect(await lifecycle([Part("relay", run: {})]).run(signals: signals) == 70)
    }

    @Test func `a signal during the start cancels it`() async {
        let (signals, send) = AsyncStream.makeStream(of: Int32.self)
        let slow = Part("postgres") { [journal] in
            journal.note("start postgres")
            try await Task.sleep(for: .seconds(600))
        }
        async let code = lifecycle([part("log"), slow, part("http")]).run(signals: signals)
        #expect(await journal.has("start postgres"))
        send.yield(2)
        #expect(await code == 0)
        #expect(journal.notes == ["start log", "start postgres", "stop log"])
    }

    @Test func `a second signal ends the process at once`() async {
        let (signals, send) = AsyncStream.makeStream(of: Int32.self)
        let release = Journal()
        let stubborn = Part("http", stop: { _ = await release.has("go") })
        async let code = lifecycle([stubborn]).run(signals: signals)
        #expect(await eventually { await readiness.findings().first?.finding == .ok })
        send.yield(15)
        send.yield(15)
        #expect(await journal.has("exit 143"))
        release.note("go")
        _ = await code
    }

    @Test func `a stop that takes too long is cut off`() async {
        let (signals, send) = AsyncStream.makeStream(of: Int32.self)
        let release = Journal()
        let stubborn = Part("http", stop: { _ = await release.has("go") })
        async let code = lifecycle([stubborn], stopDeadline: .milliseconds(10)).run(signals: signals)
        send.yield(15)
        #expect(await journal.has("exit 70"))
        release.note("go")
        _ = await code
    }
}

/// What happened, in order.
final class Journal: Sendable {
    private let stored = Mutex<[String]>([])

    var notes: [String] { stored.withLock { $0 } }

    func note(_ text: String) { stored.withLock { $0.append(text) } }

    /// Waits for a note.
    func has(_ text: String) async -> Bool { await eventually { self.notes.contains(text) } }
}

/// Waits until a condition holds; false when it didn't within a minute.
func eventually(_ condition: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while await !condition() {
        guard ContinuousClock.now < end else { return false }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return true
}
