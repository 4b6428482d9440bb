import HTTP
import Observability
import Synchronization
import Testing

@Suite("Stopping the HTTP server")
struct DrainTests {
    let head = " HTTP/1.1\r\nHost: x\r\n\r\n"
    let logger = Logger(label: "test", handler: InMemoryLogHandler())

    func start(_ routes: [Route]) throws -> (HTTPServer, RawClient) {
        let server = HTTPServer(
            configuration: HTTPServerConfiguration(), router: Router(routes: routes, logger: logger),
            logger: logger)
        return (server, RawClient(port: try server.start()))
    }

    @Test func `requests under way are answered, and new clients find nobody`() async throws {
        let gate = Gate()
        let slow = Route(.get, "/slow") { _ in
            await gate.wait()
            return .text("done")
        }
        let (server, client) = try start([slow])
        async let answers = withTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { await client.send("GET /slow" + head) } }
            return await group.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(await eventually { server.requestsInFlight == 50 })
        async let drained: Void = server.drain(deadline: .seconds(10))
        var refused = await client.send("GET /slow" + head, seconds: 1)
        while refused != "no connection" { refused = await client.send("GET /slow" + head, seconds: 1) }
        gate.open()
        await drained
        let done = await answers.filter { $0.hasPrefix("HTTP/1.1 200") && $0.hasSuffix("done") }
        #expect(done.count == 50)
    }

    @Test func `clients that wait are answered at once`() async throws {
        let waiting = Route(.get, "/wait") { request in
            guard let wait = request.preferredWait else { return .text("") }
            request.beginWait(wait)
            // A waiter whose task is cancelled answers with what there is.
            do { try await Task.sleep(for: wait.duration) } catch {}
            return HTTPResponse.text("so far").applying(wait)
        }
        let (server, client) = try start([waiting])
        async let answer = client.send("GET /wait HTTP/1.1\r\nHost: x\r\nPrefer: wait=60\r\n\r\n")
        #expect(await eventually { server.requestsInFlight == 1 })
        let time = await ContinuousClock().measure { await server.drain(deadline: .seconds(30)) }
        #expect(time < .seconds(25))
        #expect(await answer.contains("Preference-Applied: wait=60"))
        #expect(await answer.hasSuffix("so far"))
    }

    @Test func `work under way is done, though its client would wait for more`() async throws {
        let gate = Gate()
        let cancelled = Served()
        let working = Route(.get, "/work") { request in
            await withTaskCancellationHandler {
                await gate.wait()
            } onCancel: {
                cancelled.set()
            }
            return .text("done")
        }
        let (server, client) = try start([working])
        async let answer = client.send("GET /work HTTP/1.1\r\nHost: x\r\nPrefer: wait=60\r\n\r\n")
        #expect(await eventually { server.requestsInFlight == 1 })
        async let drained: Void = server.drain(deadline: .seconds(10))
        while await client.send("GET /work" + head, seconds: 1) != "no connection" {}
        // A drain looks every few milliseconds for those that only wait.
        let end = ContinuousClock.now + .milliseconds(50)
        #expect(await eventually { cancelled.isSet || .now > end })
        #expect(!cancelled.isSet)
        gate.open()
        await drained
        #expect(await answer.hasSuffix("done"))
    }

    @Test func `a handler that hears nothing is cut off after the deadline`() async throws {
        let gate = Gate()
        let deaf = Route(.get, "/deaf") { _ in
            await gate.wait()
            return .text("late")
        }
        let (server, client) = try start([deaf])
        async let answer = client.send("GET /deaf" + head)
        #expect(await eventually { server.requestsInFlight == 1 })
        await server.drain(deadline: .milliseconds(20))
        #expect(await answer.hasPrefix("HTTP/1.1 503"))
        gate.open()
    }

    @Test func `a drained server can be drained again`() async throws {
        let (server, _) = try start([])
        await server.drain(deadline: .zero)
        await server.drain(deadline: .zero)
    }

    @Test func `a port that is taken is an error that says so`() async throws {
        let (server, client) = try start([])
        let other = HTTPServer(
            configuration: HTTPServerConfiguration(port: client.port),
            router: Router(routes: [], logger: logger),
            logger: logger)
        #expect(throws: HTTPServerError.portTaken(host: "127.0.0.1", port: client.port)) { try other.start() }
        await server.drain(deadline: .zero)
    }
}

/// Holds handlers back until the test lets them go.
final class Gate: Sendable {
    private struct State {
        var isOpen = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
