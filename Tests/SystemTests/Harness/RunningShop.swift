import Foundation
import Kafka
import Observability
import Postgres
import Synchronization
import TestSupport

enum ServiceName: String, CaseIterable, Sendable { case orders, inventory, payments, notifications }

/// One of the processes of a service; the first of each always runs, a second one where a test starts it.
struct Instance: Hashable, Sendable, CustomStringConvertible {
    let service: ServiceName
    let number: Int

    static let all = ServiceName.allCases.flatMap {
        [Instance(service: $0, number: 1), Instance(service: $0, number: 2)]
    }

    var description: String { number == 1 ? service.rawValue : "\(service)-\(number)" }
}

/// The four services as processes, on a database of their own.
final class RunningShop: Sendable {
    /// The shop of the suite that runs.
    @TaskLocal static var shared: RunningShop?

    struct NotRunning: Error {}

    /// - Throws: outside of the suite, which a test of it never is.
    static var current: RunningShop {
        get throws {
            guard let shared else { throw NotRunning() }
            return shared
        }
    }

    let settings: Settings
    let books: Books
    let topics: Topics
    private let address: DatabaseAddress
    /// For logs and whatever else a run leaves behind; removed once all went well.
    let folder: URL
    private let ports: [Instance: Int]
    private let janitor: Janitor
    private let running = Mutex<[Instance: Program]>([:])

    private static let roles = ServiceName.allCases.map(\.rawValue) + ["gateway"]

    /// What makes a second of waiting a moment here: the gateway is given up soon, and slow is not that slow.
    private static let quick = ["GATEWAY_TIMEOUT_SECONDS": "0.3", "SANDBOX_SLOW_SECONDS": "0.5"]

    private init(_ settings: Settings, database: String, folder: URL) throws {
        self.settings = settings
        self.folder = folder
        address = try DatabaseAddress(settings.postgres, database: database)
        var configuration = PostgresConfiguration(url: address.url, applicationName: "system tests")
        configuration.statementTimeout = .seconds(30)
        books = Books(pool: PostgresPool(configuration: configuration, logger: RecordedLog().logger))
        topics = Topics(
            configuration: KafkaConfiguration(
                bootstrapServers: settings.bootstrapServers, clientID: "system-tests",
                fetchWaitMilliseconds: settings.fetchWaitMilliseconds))
        var ports: [Instance: Int] = [:]
        for instance in Instance.all { ports[instance] = try freePort(besides: Set(ports.values)) }
        self.ports = ports
        janitor = try Janitor()
    }

    /// Sets up a shop on an empty database and empty topics, starts it, and takes all of it back afterwards.
    static func withShop(_ body: (RunningShop) async throws -> Void) async throws {
        let settings = try Settings.fromEnvironment()
        let database = "shop_\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(database)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let shop = try RunningShop(settings, database: database, folder: folder)
        do {
            try await settings.postgres.administrate("CREATE DATABASE \(database)")
            try await shop.topics.clear(settings.brokerKind)
            let setup = try await shop.tool("setup")
            guard setup.code == 0 else { throw ToolFailed(words: ["setup"], result: setup) }
            let first = ServiceName.allCases.map { Instance(service: $0, number: 1) }
            for instance in first { try shop.launch(instance) }
            for instance in first { try await shop.isReady(instance) }
            try await body(shop)
            for instance in first { try await shop.isStillRunning(instance) }
            try shop.requireRulesKept()
        } catch {
            shop.showLogs()
            await shop.takeBack(database)
            throw error
        }
        await shop.takeBack(database)
        try? FileManager.default.removeItem(at: folder)
    }

    func port(_ name: ServiceName, instance: Int = 1) -> Int {
        ports[Instance(service: name, number: instance)] ?? 0
    }

    /// Starts a service and waits until it is ready.
    ///
    /// - Parameter changes: settings that differ from the usual ones of these tests.
    func start(_ name: ServiceName, instance: Int = 1, _ changes: [String: String] = [:]) async throws {
        let instance = Instance(service: name, number: instance)
        try launch(instance, changes)
        try await isReady(instance)
    }

    /// As an operator stops it: it finishes what it has in hand.
    func stop(_ name: ServiceName, instance: Int = 1) async throws {
        let instance = Instance(service: name, number: instance)
        guard let program = running.withLock({ $0.removeValue(forKey: instance) }) else { return }
        program.signal(SIGTERM)
        do {
            let code = try await program.ended()
            guard code == 0 else { throw EndedBadly(instance: instance, code: code) }
        } catch {
            program.signal(SIGKILL)
            try await program.ended()
            throw error
        }
    }

    /// As a machine that loses its power stops it.
    func kill(_ name: ServiceName, instance: Int = 1) async throws {
        let instance = Instance(service: name, number: instance)
        guard let program = running.withLock({ $0.removeValue(forKey: instance) }) else { return }
        program.signal(SIGKILL)
        try await program.ended()
    }

    /// The `shop` tool: its exit code and all it said.
    func tool(_ words: String...) async throws -> (code: Int32, output: String) {
        var environment = base
        environment["DATABASE_URL"] = address.url
        for role in Self.roles { environment["\(role.uppercased())_DATABASE_PASSWORD"] = role }
        for name in ServiceName.allCases {
            environment["\(name.rawValue.uppercased())_URL"] = "http://127.0.0.1:\(port(name))"
        }
        return try await run("shop", words, environment)
    }

    /// A program that ends by itself.
    func run(
        _ name: String, _ words: [String], _ environment: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> (code: Int32, output: String) {
        let log = folder.appendingPathComponent("run-\(freshWord()).log")
        let program = try Program(name, words, environment: environment, log: log, janitor: janitor)
        let code = try await program.ended(within: limit)
        return (code, try String(contentsOf: log, encoding: .utf8))
    }

    /// All that a service has logged.
    func log(_ name: ServiceName, instance: Int = 1) throws -> String {
        try String(contentsOf: logFile(Instance(service: name, number: instance)), encoding: .utf8)
    }

    /// The memory that the first process of a service has in use, in bytes.
    func residentBytes(_ name: ServiceName) throws -> Int {
        guard let pid = running.withLock({ $0[Instance(service: name, number: 1)]?.pid }) else { return 0 }
        let words = try String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8).split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * Int(getpagesize())
    }

    /// The last words of each service, for whoever reads about a failure.
    func showLogs() {
        for instance in Instance.all {
            guard let text = try? log(instance.service, instance: instance.number) else { continue }
            let lines = text.split(separator: "\n").suffix(25)
            print("--- \(instance): the last of \(logFile(instance).path)\n\(lines.joined(separator: "\n"))")
        }
    }

    struct ToolFailed: Error, CustomStringConvertible {
        let words: [String]
        let result: (code: Int32, output: String)
        var description: String {
            "`shop \(words.joined(separator: " "))` ended with \(result.code): \(result.output)"
        }
    }

    /// A service has found that its rows break a rule.
    struct RuleViolated: Error {
        let lines: [String]
    }

    struct EndedBadly: Error {
        let instance: Instance
        /// Negative: the signal.
        let code: Int32
    }
}

extension RunningShop {
    private var base: [String: String] {
        [
            "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            "KAFKA_BOOTSTRAP_SERVERS": settings.bootstrapServers,
        ]
    }

    private func launch(_ instance: Instance, _ changes: [String: String] = [:]) throws {
        let name = instance.service.rawValue
        var environment = base
        environment["DATABASE_URL"] = address.url(role: name, password: name)
        environment["HTTP_PORT"] = "\(port(instance.service, instance: instance.number))"
        if settings.brokerKind == .local {
            // It knows neither long polls nor static members, and waits for dead ones.
            environment["KAFKA_FETCH_WAIT_MS"] = "\(settings.fetchWaitMilliseconds)"
            environment["KAFKA_SESSION_TIMEOUT_MS"] = "4000"
        } else {
            // So that one that was killed has its partitions back at once, or another has them soon.
            environment["KAFKA_INSTANCE_ID"] = "\(instance.number)"
            environment["KAFKA_SESSION_TIMEOUT_MS"] = "6000"
        }
        environment["LOG_FORMAT"] = "pretty"
        environment["RECONCILE_INTERVAL_SECONDS"] = "0.5"
        if instance.service == .payments {
            environment["GATEWAY_DATABASE_URL"] = address.url(role: "gateway", password: "gateway")
            environment.merge(Self.quick) { $1 }
        }
        environment.merge(changes) { $1 }
        let program = try Program(name, environment: environment, log: logFile(instance), janitor: janitor)
        running.withLock { $0[instance] = program }
    }

    private func isReady(_ instance: Instance) async throws {
        let port = port(instance.service, instance: instance.number)
        try await eventually("\(instance) is ready", within: .seconds(120)) {
            try await isStillRunning(instance)
            return (try? await call("GET", port: port, "/readyz", seconds: 5))?.status == 200
        }
    }

    /// - Throws: where it has ended, which nobody told it to.
    private func isStillRunning(_ instance: Instance) async throws {
        guard let program = running.withLock({ $0[instance] }), !program.isRunning else { return }
        throw EndedBadly(instance: instance, code: try await program.ended())
    }

    /// Whatever the tests did to the shop, its services have looked at their books all the while.
    private func requireRulesKept() throws {
        let lines = Instance.all.flatMap { instance in
            ((try? log(instance.service, instance: instance.number)) ?? "").split(separator: "\n")
                .filter { $0.contains("rule violated") }.map { "\(instance): \($0)" }
        }
        guard lines.isEmpty else { throw RuleViolated(lines: lines) }
    }

    private func logFile(_ instance: Instance) -> URL { folder.appendingPathComponent("\(instance).log") }

    /// Stops what runs and drops the database, whatever has happened before.
    private func takeBack(_ database: String) async {
        let programs = running.withLock { running in
            defer { running = [:] }
            return Array(running.values)
        }
        for program in programs { program.signal(SIGTERM) }
        for program in programs {
            if (try? await program.ended(within: .seconds(15))) != nil { continue }
            program.signal(SIGKILL)
            _ = try? await program.ended()
        }
        await books.pool.close()
        try? await settings.postgres.administrate("DROP DATABASE IF EXISTS \(database) WITH (FORCE)")
        janitor.close()
    }
}

/// A port that nobody has, below those that the system gives to outgoing connections.
private func freePort(besides taken: Set<Int>) throws -> Int {
    for _ in 0..<1000 {
        let port = Int.random(in: 15_000..<30_000)
        guard !taken.contains(port) else { continue }
        // Nobody listens there: then it is ours.
        if (try? RawSocket(port: port)) == nil { return port }
    }
    throw NoAnswer(reason: "no free port")
}
