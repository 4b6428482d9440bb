import HTTP
import Observability
import Synchronization
import Testing

@testable import ServiceRuntime

@Suite("Readiness")
struct ReadinessTests {
    let readiness = Readiness()
    var router: Router {
        Router(routes: readiness.routes, logger: Logger(label: "test", handler: InMemoryLogHandler()))
    }

    func get(_ path: String, verbose: Bool = false) async -> (Int, String) {
        let request = HTTPRequest(.get, path, query: verbose ? [("verbose", "")] : [])
        let response = await router.respond(to: request)
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    @Test func `a service is alive from the start and ready when all is well`() async {
        readiness.add("postgres") { .ok }
        #expect(await get("/livez") == (200, "ok\n"))
        #expect(await get("/readyz") == (503, "[-]service starting\nnot ready\n"))
        readiness.becomeReady()
        #expect(await get("/readyz") == (200, "ok\n"))
        #expect(await get("/readyz", verbose: true) == (200, "[+]service ok\n[+]postgres ok\nready\n"))
        readiness.beginStopping()
        #expect(await get("/livez") == (200, "ok\n"))
        #expect(await get("/readyz").0 == 503)
        readiness.becomeReady()
        #expect(await get("/readyz").0 == 503)
    }

    @Test func `a failed check says why`() async {
        readiness.becomeReady()
        readiness.add("postgres") { .ok }
        readiness.add("kafka") { .bad("no broker answers") }
        let expected = "[+]service ok\n[+]postgres ok\n[-]kafka no broker answers\nnot ready\n"
        #expect(await get("/readyz", verbose: true) == (503, expected))
    }

    @Test func `however many ask, there is one look at a time`() async {
        let looks = Atomic<Int>(0)
        let readiness = Readiness(lookInterval: .seconds(600))
        readiness.becomeReady()
        readiness.add("postgres") {
            looks.add(1, ordering: .relaxed)
            await Task.yield()
            return .ok
        }
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 {
                group.addTask { #expect(await readiness.findings().map(\.finding) == [.ok, .ok]) }
            }
        }
        #expect(looks.load(ordering: .relaxed) == 1)
        readiness.beginStopping()
        #expect(await readiness.findings().first?.finding == .bad("stopping"))
    }

    @Test func `that all is well by now is seen at once`() async {
        let isThere = Atomic(false)
        let readiness = Readiness(lookInterval: .seconds(600))
        readiness.add("consumer group") { isThere.load(ordering: .relaxed) ? .ok : .bad("not in it") }
        #expect(await readiness.findings().last?.finding == .bad("not in it"))
        isThere.store(true, ordering: .relaxed)
        #expect(await readiness.findings().last?.finding == .ok)
    }

    @Test func `what was found is forgotten`() async {
        let looks = Atomic<Int>(0)
        let readiness = Readiness(lookInterval: .zero)
        readiness.add("postgres") {
            looks.add(1, ordering: .relaxed)
            return .ok
        }
        for _ in 0..<2 { _ = await readiness.findings() }
        #expect(looks.load(ordering: .relaxed) == 2)
    }

    @Test func `a client that leaves takes the look of nobody else along`() async {
        let readiness = Readiness(lookInterval: .seconds(600))
        readiness.add("postgres") {
            try Task.checkCancellation()
            return .ok
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = await readiness.findings() }
            group.cancelAll()
        }
        #expect(await readiness.findings().last?.finding == .ok)
    }

    @Test func `a check that hangs counts as failed`() async {
        readiness.becomeReady()
        readiness.add("kafka") {
            try? await Task.sleep(for: .seconds(600))
            return .ok
        }
        let (status, text) = await get("/readyz")
        #expect(status == 503)
        #expect(text.contains("[-]kafka no answer within 2.0 seconds"))
    }
}

@Suite("Commands of a service")
struct CommandTests {
    struct Broken: Error {}

    let said = Journal()

    var service: Service {
        let said = said
        return Service(
            name: "orders", summary: "Takes orders.", httpPort: 0, prefixes: ["ORDER_"],
            commands: [
                Service.Command("migrate", "bring the database up to date") { _ in said.note("migrated") },
                Service.Command("break", "fail") { _ in throw Broken() },
            ]
        ) { context in
            context.readiness.add("postgres") { .ok }
            return [context.httpPart(routes: [Route(.get, "/") { _ in .text("hello") }])]
        }
    }

    func execute(
        _ arguments: String..., environment: [String: String] = ["DATABASE_URL": "postgres://x/y"],
        signals: AsyncStream<Int32> = AsyncStream { _ in }
    ) async -> Int32 {
        await ServiceRuntime.execute(
            service, arguments: arguments, environment: environment, signals: { signals }
        ) { [said] descriptor, text in said.note("\(descriptor): \(text)") }
    }

    @Test func `help needs no settings`() async {
        #expect(await execute("--help", environment: [:]) == 0)
        #expect(said.notes.first?.hasPrefix("1: orders: Takes orders.\n") == true)
    }

    @Test func `a check prints the settings, or what is wrong with them`() async {
        #expect(await execute("--check") == 0)
        #expect(said.notes.last?.contains("DATABASE_URL=(hidden)\n") == true)
        #expect(await execute("--check", environment: [:]) == 64)
        #expect(said.notes.last?.hasPrefix("2: orders: DATABASE_URL is not set;") == true)
    }

    @Test func `a command is run once and its failure is an exit code`() async {
        #expect(await execute("migrate") == 0)
        #expect(said.notes == ["migrated"])
        #expect(await execute("break") == 70)
    }

    @Test func `what is no command is refused`() async {
        #expect(await execute("dance") == 64)
        #expect(said.notes == ["2: orders: `dance` is no command; see --help\n"])
        #expect(await execute("migrate", "now") == 64)
    }

    @Test func `a service serves until it is told to stop`() async {
        let (signals, send) = AsyncStream.makeStream(of: Int32.self)
        send.yield(15)
        #expect(await execute(signals: signals) == 0)
    }

    @Test func `metrics on a port that is taken are no start`() async throws {
        let logger = Logger(label: "test", handler: InMemoryLogHandler())
        let other = HTTPServer(
            configuration: HTTPServerConfiguration(), router: Router(routes: [], logger: logger),
            logger: logger)
        let port = try other.start()
        let environment = ["DATABASE_URL": "postgres://x/y", "METRICS_PORT": "\(port)"]
        #expect(await execute(environment: environment) == 69)
        await other.drain(deadline: .zero)
        let (signals, send) = AsyncStream.makeStream(of: Int32.self)
        send.yield(15)
        #expect(await execute(environment: environment, signals: signals) == 0)
    }
}
