import Glibc
import ShopHarness
import Synchronization

/// Customers who order, each on a thread, until enough orders are placed and nobody holds them to it any more.
final class Load: Sendable {
    let ports: [Int]
    let tally: Tally
    /// Whether a customer who is refused goes away, as in an overload, or tries again.
    let givesUpAtRefusal: Bool
    private let settings: LoadSettings
    private let seed: UInt64
    private let began = now()
    private let state = Mutex(State())

    private struct State {
        var next = 0
        var isHeld = true
        var isOver = false
        var promises: [Promise] = []
        var took: [Double] = []
        var refusedAfter: [Double] = []
        var violations: [String] = []
    }

    init(_ settings: LoadSettings, seed: UInt64, ports: [Int], tally: Tally, givesUpAtRefusal: Bool = false) {
        self.settings = settings
        self.seed = seed
        self.ports = ports
        self.tally = tally
        self.givesUpAtRefusal = givesUpAtRefusal
    }

    /// Returns when all customers are through; `letGo()` first.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<settings.clients {
                group.addTask { [self] in
                    try await onThread { [self] in
                        // Customers have machines of their own: here at least the shop goes first. Linux gives each
                        // thread its own priority.
                        _ = nice(10)
                        var customer = Customer(number, of: self, settings, seed: seed)
                        customer.run()
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Ends the load as soon as enough orders are placed.
    func letGo() { state.withLock { $0.isHeld = false } }

    /// Ends the load now.
    func stop() { state.withLock { ($0.isHeld, $0.isOver) = (false, true) } }

    var isOver: Bool { state.withLock(\.isOver) }
    var placed: Int { state.withLock(\.next) }
    var promises: [Promise] { state.withLock(\.promises) }
    var violations: [String] { state.withLock(\.violations) }
    /// How long it took to be answered that an order is taken, in seconds, sorted.
    var took: [Double] { state.withLock(\.took).sorted() }
    var refusedAfter: [Double] { state.withLock(\.refusedAfter).sorted() }

    // MARK: - For the customers

    /// The number of the next order, once it is time for it; nil when there is to be none.
    func next() -> Int? {
        let index: Int? = state.withLock { state in
            guard !state.isOver, state.isHeld || state.next < settings.orders else { return nil }
            state.next += 1
            return state.next - 1
        }
        guard let index, settings.rate > 0 else { return index }
        while true {
            let rest = began + Double(index) / settings.rate - now()
            if rest <= 0 { return index }
            if isOver { return nil }
            usleep(UInt32(min(rest, 0.1) * 1_000_000))
        }
    }

    func took(_ seconds: Double) { state.withLock { $0.took.append(seconds) } }

    func refused(after seconds: Double, saysWhen: Bool) {
        tally.count("requests refused")
        if !saysWhen { violate("a 503 without Retry-After") }
        state.withLock { $0.refusedAfter.append(seconds) }
    }

    func keep(_ promise: Promise) { state.withLock { $0.promises.append(promise) } }

    func violate(_ what: String) {
        state.withLock { if $0.violations.count < 20 { $0.violations.append(what) } }
    }
}

/// Named counts, in the order of their first mention.
final class Tally: Sendable {
    private let counts = Mutex<[(name: String, count: Int)]>([])

    func count(_ name: String, _ more: Int = 1) {
        counts.withLock { counts in
            if let place = counts.firstIndex(where: { $0.name == name }) {
                counts[place].count += more
            } else {
                counts.append((name, more))
            }
        }
    }

    /// Keeps the largest.
    func most(_ name: String, _ value: Int) {
        counts.withLock { counts in
            if let place = counts.firstIndex(where: { $0.name == name }) {
                counts[place].count = max(counts[place].count, value)
            } else {
                counts.append((name, value))
            }
        }
    }

    subscript(name: String) -> Int { counts.withLock { $0.first { $0.name == name }?.count ?? 0 } }

    var all: [(name: String, count: Int)] { counts.withLock { $0 } }
}
