import Glibc
import ShopHarness
import Synchronization
import TestSupport

/// An experiment under way: the shop, the customers, the means to break things, and the report.
final class Trial: Sendable {
    let experiment: Experiment
    let options: Options
    let seed: UInt64
    let shop: RunningShop
    let parts: Parts
    let proxies: Proxies?
    let report = Report()
    /// Files that arm fail points, in a folder for each service.
    let failPoints: String
    private let generator: Mutex<SeededGenerator>
    private let loads = Mutex(0)

    init(
        _ experiment: Experiment, _ options: Options, seed: UInt64, shop: RunningShop, parts: Parts,
        proxies: Proxies?, failPoints: String
    ) {
        self.experiment = experiment
        self.options = options
        self.seed = seed
        self.shop = shop
        self.parts = parts
        self.proxies = proxies
        self.failPoints = failPoints
        generator = Mutex(SeededGenerator(seed: seed))
    }

    /// A value for the published size, and one for a quick run.
    func size<Value>(_ full: Value, quick: Value) -> Value { options.isQuick ? quick : full }

    /// A time that the shop is granted: more of it in a quick run, whose machine does other things, too, and runs the
    /// debug build.
    func granted(_ seconds: Double) -> Double { options.isQuick ? 6 * seconds : seconds }

    func random(_ range: ClosedRange<Double>) -> Double {
        generator.withLock { Double.random(in: range, using: &$0) }
    }

    func random(_ range: Range<Int>) -> Int { generator.withLock { Int.random(in: range, using: &$0) } }

    /// Lets a random time pass, within these seconds.
    func pause(_ range: ClosedRange<Double>) async throws {
        try await Task.sleep(for: .seconds(random(range)))
    }

    func pause(_ seconds: Double) async throws { try await Task.sleep(for: .seconds(seconds)) }

    /// The usual customers, as the command line wants them.
    var usualLoad: LoadSettings {
        LoadSettings(
            orders: options.orders, clients: options.rate > 0 ? 64 : size(48, quick: 24), rate: options.rate)
    }

    /// Has customers order while the faults happen, and until enough orders are placed.
    @discardableResult
    func underLoad(
        _ settings: LoadSettings? = nil, givesUpAtRefusal: Bool = false,
        _ faults: () async throws -> Void = {}
    ) async throws -> Load {
        let number = loads.withLock { number in
            number += 1
            return UInt64(number)
        }
        let ports = (1...experiment.instances).map { shop.port(.orders, instance: $0) }
        let load = Load(
            settings ?? usualLoad, seed: seed * 10 + number, ports: ports, tally: report.tally,
            givesUpAtRefusal: givesUpAtRefusal)
        let customers = Task { try await load.run() }
        do {
            try await faults()
        } catch {
            load.stop()
            _ = try? await customers.value
            throw error
        }
        load.letGo()
        try await customers.value
        for violation in load.violations { report.fail(violation) }
        try await check(load.promises)
        return load
    }

    // MARK: - Processes

    var instances: [Instance] {
        ServiceName.allCases.flatMap { name in (1...experiment.instances).map { Instance(name, $0) } }
    }

    /// Ends a process as a machine does that loses its power, and starts it again at once.
    func crash(_ service: ServiceName, instance: Int = 1) async throws {
        try await shop.kill(service, instance: instance)
        report.fault()
        try shop.launch(Instance(service, instance))
    }

    /// Has a process of the service get a signal at a named place, the next time one comes by.
    func arm(_ place: String, of service: ServiceName, signal: Int32 = SIGKILL, size: Int = 1) throws {
        let path = "\(failPoints)/\(service)/\(place)"
        try write("\(signal) \(size)", to: path + ".new")
        guard rename(path + ".new", path) == 0 else { throw Failure("can't write \(path)") }
    }

    func disarm(_ place: String, of service: ServiceName) { unlink("\(failPoints)/\(service)/\(place)") }

    /// Waits for a process to die at a place, and starts it again at once; fails where none came by in time.
    func crash(_ service: ServiceName, at place: String) async throws {
        try arm(place, of: service)
        guard let dead = try await death(of: service, within: .seconds(20)) else {
            disarm(place, of: service)
            return report.fail("\(service) never came to \(place)")
        }
        try shop.launch(dead)
    }

    /// Waits until a process of the service has died at a fail point; nil where none does.
    func death(of service: ServiceName, within limit: Duration) async throws -> Instance? {
        let candidates = instances.filter { $0.service == service }
        do {
            try await eventually("one of \(service) dies", within: limit) {
                candidates.contains { shop.program($0)?.isRunning == false }
            }
        } catch is NotInTime { return nil }
        guard let dead = candidates.first(where: { shop.program($0)?.isRunning == false }) else { return nil }
        let code = try await shop.ended(dead)
        report.expect(code == -SIGKILL, "\(dead) ended with \(code) and was not killed")
        report.fault()
        return dead
    }

    /// Fails where a process has ended that nobody killed.
    func expectAllRunning(_ when: String) async throws {
        for instance in instances where shop.program(instance)?.isRunning != true {
            let code = try await shop.ended(instance)
            report.fail("\(instance) ended with \(code) \(when)")
            try shop.launch(instance)
        }
    }

    /// How often the services' logs have these words so far.
    func logged(_ words: String) -> Int {
        instances.reduce(0) { sum, instance in
            let text = (try? shop.log(instance.service, instance: instance.number)) ?? ""
            return sum + text.split(separator: "\n").count { $0.contains(words) }
        }
    }
}

/// A reason to end an experiment.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

func write(_ text: String, to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Failure("can't write \(path): error \(errno)") }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
        throw Failure("can't write \(path): error \(errno)")
    }
}
