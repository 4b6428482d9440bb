package import Foundation
import Kafka
import Observability
import Postgres
import Synchronization
import TestSupport

/// What differs from the usual shop.
package struct ShopOptions: Sendable {
    /// Settings of each process, which win over the usual ones.
    package var changes: @Sendable (Instance) -> [String: String] = { _ in [:] }
    /// Where the services find Postgres, the gateway its ledger, and all of them Kafka, when that is not where they are.
    package var postgresPort: Int?
    package var gatewayPort: Int?
    package var bootstrapServers: String?
    /// For the logs, which stay then; nil for a folder that is made, and taken back when all went well.
    package var folder: URL?

    package init() {}

    /// What makes a second of waiting a moment here: the gateway is given up soon, and slow is not that slow.
    package static var quick: ShopOptions {
        var options = ShopOptions()
        options.changes = { instance in
            instance.service == .payments
                ? ["GATEWAY_TIMEOUT_SECONDS": "0.3", "SANDBOX_SLOW_SECONDS": "0.5"] : [:]
        }
        return options
    }
}

/// The services as processes, on a database of their own.
package final class RunningShop: Sendable {
    /// The shop of the suite that runs.
    @TaskLocal package static var shared: RunningShop?

    package struct NotRunning: Error {}

    /// - Throws: outside of the suite, which a test of it never is.
    package static var current: RunningShop {
        get throws {
            guard let shared else { throw NotRunning() }
            return shared
        }
    }

    package let settings: Settings
    package let books: Books
    package let topics: Topics
    private let options: ShopOptions
    private let address: DatabaseAddress
    /// For logs and whatever else a run leaves behind; removed once all went well.
    package let folder: URL
    private let ports: [Instance: Int]
    private let metricsPorts: [Instance: Int]
    private let janitor: Janitor
    private let running = Mutex<[Instance: Program]>([:])

    private static let roles = ServiceName.allCases.map(\.rawValue) + ["gateway"]

    private init(_ settings: Settings, _ options: ShopOptions, database: String, folder: URL) throws {
        self.settings = settings
        self.options = options
        self.folder = folder
        address = try DatabaseAddress(settings.postgres, database: database)
        var configuration = PostgresConfiguration(url: address.url, applicationName: "system tests")
        configuration.statementTimeout = .seconds(30)
        books = Books(pool: PostgresPool(configuration: configuration, logger: RecordedLog().logger))
        topics = Topics(
            configuration: KafkaConfiguration(
                bootstrapServers: settings.bootstrapServers, clientID: "system-tests",
                securitySettings: try settings.securedBroker?.settings(of: "shop") ?? [:],
                fetchWaitMilliseconds: settings.fetchWaitMilliseconds))
        var ports: [Instance: Int] = [:]
        var metricsPorts: [Instance: Int] = [:]
        for instance in Instance.all {
            ports[instance] = try freePort(besides: Set(ports.values).union(metricsPorts.values))
            metricsPorts[instance] = try freePort(besides: Set(ports.values).union(metricsPorts.values))
        }
        self.ports = ports
        self.metricsPorts = metricsPorts
        janitor = try Janitor()
    }

    /// Sets up a shop on an empty database and empty topics, starts it, and takes all of it back afterwards.
    package static func withShop(
        on settings: Settings, _ options: ShopOptions, _ body: (RunningShop) async throws -> Void
    ) async throws {
        let database = "shop_\(freshWord())"
        let folder = options.folder ?? FileManager.default.temporaryDirectory.appendingPathComponent(database)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let shop = try RunningShop(settings, options, database: database, folder: folder)
        do {
            try await settings.postgres.administrate("CREATE DATABASE \(database)")
            try await shop.topics.clear(settings.brokerKind)
            let words = settings.securedBroker == nil ? ["setup"] : ["setup", "--acls"]
            let setup = try await shop.tool(words, within: .seconds(60))
            guard setup.code == 0 else { throw ToolFailed(words: words, result: setup) }
            let first = ServiceName.allCases.map { Instance($0) }
            for instance in first { try shop.launch(instance) }
            for instance in first { try await shop.becomesReady(instance) }
            try await body(shop)
            for instance in first { try await shop.isStillRunning(instance) }
            try shop.requireRulesKept()
        } catch {
            shop.showLogs()
            await shop.takeBack(database)
            throw error
        }
        await shop.takeBack(database)
        if options.folder == nil { try? FileManager.default.removeItem(at: folder) }
    }

    package func port(_ name: ServiceName, instance: Int = 1) -> Int {
        ports[Instance(name, instance)] ?? 0
    }

    /// What a service tells Prometheus.
    package func metrics(_ name: ServiceName) async throws -> WebAnswer {
        try await call("GET", port: metricsPorts[Instance(name)] ?? 0, "/metrics")
    }

    /// Starts a service and waits until it is ready.
    ///
    /// - Parameter changes: settings that differ from the usual ones of these tests.
    package func start(_ name: ServiceName, instance: Int = 1, _ changes: [String: String] = [:]) async throws
    {
        let instance = Instance(name, instance)
        try launch(instance, changes)
        try await becomesReady(instance)
    }

    /// As an operator stops it: it finishes what it has in hand.
    package func stop(_ name: ServiceName, instance: Int = 1) async throws {
        let instance = Instance(name, instance)
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
    package func kill(_ name: ServiceName, instance: Int = 1) async throws {
        let instance = Instance(name, instance)
        guard let program = running.withLock({ $0.removeValue(forKey: instance) }) else { return }
        program.signal(SIGKILL)
        try await program.ended()
    }

    /// The `shop` tool: its exit code and all it said.
    package func tool(_ words: String...) async throws -> (code: Int32, output: String) {
        try await tool(words, within: .seconds(60))
    }

    /// - Parameter limit: how long it may take.
    package func tool(
        _ words: [String], within limit: Duration
    ) async throws -> (code: Int32, output: String) {
        var environment = base
        environment["DATABASE_URL"] = address.url
        for role in Self.roles { environment["\(role.uppercased())_DATABASE_PASSWORD"] = role }
        for name in ServiceName.allCases {
            environment["\(name.rawValue.uppercased())_URL"] = "http://127.0.0.1:\(port(name))"
        }
        environment.merge(settings.securedBroker?.environment(of: "shop") ?? [:]) { $1 }
        return try await run("shop", words, environment, within: limit)
    }

    /// A program that ends by itself.
    package func run(
        _ name: String, _ words: [String], _ environment: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> (code: Int32, output: String) {
        let log = folder.appendingPathComponent("run-\(freshWord()).log")
        let program = try Program(name, words, environment: environment, log: log, janitor: janitor)
        let code = try await program.ended(within: limit)
        return (code, try String(contentsOf: log, encoding: .utf8))
    }

    /// All that a service has logged.
    package func log(_ name: ServiceName, instance: Int = 1) throws -> String {
        try String(contentsOf: logFile(Instance(name, instance)), encoding: .utf8)
    }

    /// The memory that the first process of a service has in use, in bytes.
    package func residentBytes(_ name: ServiceName) throws -> Int {
        guard let pid = running.withLock({ $0[Instance(name, 1)]?.pid }) else { return 0 }
        let words = try String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8).split(separator: " ")
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * Int(getpagesize())
    }

    /// The last words of each service, for whoever reads about a failure.
    package func showLogs() {
        for instance in Instance.all {
            guard let text = try? log(instance.service, instance: instance.number) else { continue }
            let lines = text.split(separator: "\n").suffix(25)
            print("--- \(instance): the last of \(logFile(instance).path)\n\(lines.joined(separator: "\n"))")
        }
    }

    package struct ToolFailed: Error, CustomStringConvertible {
        let words: [String]
        let result: (code: Int32, output: String)
        package var description: String {
            "`shop \(words.joined(separator: " "))` ended with \(result.code): \(result.output)"
        }
    }

    /// A service has found that its rows break a rule.
    package struct RuleViolated: Error {
        let lines: [String]
    }

    package struct EndedBadly: Error {
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

    /// Starts a process, and doesn't wait for it.
    package func launch(_ instance: Instance, _ changes: [String: String] = [:]) throws {
        let name = instance.service.rawValue
        var environment = base
        environment["DATABASE_URL"] = address.url(role: name, password: name, port: options.postgresPort)
        environment["KAFKA_BOOTSTRAP_SERVERS"] = options.bootstrapServers ?? settings.bootstrapServers
        environment["HTTP_PORT"] = "\(port(instance.service, instance: instance.number))"
        environment["METRICS_PORT"] = metricsPorts[instance].map(String.init)
        if settings.brokerKind == .local {
            // It knows neither long polls nor static members, and waits for dead ones.
            environment["KAFKA_FETCH_WAIT_MS"] = "\(settings.fetchWaitMilliseconds)"
            environment["KAFKA_SESSION_TIMEOUT_MS"] = "4000"
        } else {
            // So that one that was killed has its partitions back at once, or another has them soon.
            environment["KAFKA_INSTANCE_ID"] = "\(instance.number)"
            environment["KAFKA_SESSION_TIMEOUT_MS"] = "6000"
        }
        environment.merge(settings.securedBroker?.environment(of: name) ?? [:]) { $1 }
        environment["LOG_FORMAT"] = "pretty"
        environment["RECONCILE_INTERVAL_SECONDS"] = "0.5"
        if instance.service == .payments {
            environment["GATEWAY_DATABASE_URL"] = address.url(
                role: "gateway", password: "gateway", port: options.gatewayPort)
        }
        environment.merge(options.changes(instance)) { $1 }
        environment.merge(changes) { $1 }
        let program = try Program(name, environment: environment, log: logFile(instance), janitor: janitor)
        running.withLock { $0[instance] = program }
    }

    package func becomesReady(_ instance: Instance) async throws {
        let port = port(instance.service, instance: instance.number)
        try await eventually("\(instance) is ready", within: .seconds(120)) {
            try await isStillRunning(instance)
            return (try? await call("GET", port: port, "/readyz", seconds: 5))?.status == 200
        }
    }

    /// The process, where it runs or has ended by itself.
    package func program(_ instance: Instance) -> Program? { running.withLock { $0[instance] } }

    /// Waits for the end of a process that ends by itself.
    ///
    /// - Returns: its exit code, or the signal that ended it, negative.
    package func ended(_ instance: Instance, within limit: Duration = .seconds(20)) async throws -> Int32 {
        guard let program = program(instance) else { throw NotRunning() }
        let code = try await program.ended(within: limit)
        running.withLock { $0[instance] = nil }
        return code
    }

    /// - Throws: where it has ended, which nobody told it to.
    package func isStillRunning(_ instance: Instance) async throws {
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

    package func logFile(_ instance: Instance) -> URL { folder.appendingPathComponent("\(instance).log") }

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
