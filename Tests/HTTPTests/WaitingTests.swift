import HTTP
import Testing

/// Requests that only wait (`Prefer: wait`), and those that come meanwhile.
@Suite("Waiting clients", .timeLimit(.minutes(2)))
struct WaitingTests {
    private let head = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    private var plain: String { "POST /orders" + head + "\r\n" }
    private var waiting: String { "POST /orders" + head + "Prefer: wait=60\r\n\r\n" }

    private let orders = Route(.post, "/orders") { request in
        guard let wait = request.preferredWait else { return .text("accepted") }
        request.beginWait(wait)
        do { try await Task.sleep(for: wait.duration) } catch { return .text("so far") }
        return .text("ended")
    }

    private func withOrders(_ body: (HTTPServer, RawClient) async throws -> Void) async throws {
        try await withServer(
            [orders],
            configure: {
                $0.requestsInFlightMax = 2
                $0.requestsWaitingMax = 3
            }, body: body)
    }

    @Test func `however many wait, a new order is taken`() async throws {
        try await withOrders { server, client in
            try await withThrowingTaskGroup(of: String.self) { group in
                for count in 1...3 {
                    group.addTask { await client.send(waiting, seconds: 30) }
                    try #require(await eventually { server.requestsInFlight == count })
                }
                #expect(await client.send(plain).hasSuffix("accepted"))
                // One more makes the first one's time be up.
                group.addTask { await client.send(waiting, seconds: 30) }
                #expect(try await group.next()?.hasSuffix("so far") == true)
                #expect(await eventually { server.requestsInFlight == 3 })
                #expect(await client.send(plain).hasSuffix("accepted"))
                #expect(server.requestsShedTotal == 0)
                await server.drain(deadline: .seconds(10))
                for try await answer in group { #expect(answer.hasSuffix("so far")) }
            }
        }
    }

    @Test func `clients that leave while they wait take nobody's place`() async throws {
        try await withOrders { server, client in
            for _ in 0..<20 {
                await client.sendAndLeave(waiting)
                // Not as many at once as are refused for that.
                #expect(await client.send("HEAD /" + head + "\r\n").hasPrefix("HTTP/1.1 404"))
            }
            #expect(await eventually { server.requestsInFlight == 3 })
            #expect(await client.send(plain).hasSuffix("accepted"))
        }
    }

    @Test func `a wish to wait gives no more time to a handler that doesn't wait`() async throws {
        let stuck = Route(.get, "/stuck") { _ in
            do { try await Task.sleep(for: .seconds(600)) } catch {}
            return .text("late")
        }
        try await withServer([stuck], configure: { $0.handlerDeadline = .milliseconds(50) }) { _, client in
            let answer = await client.send("GET /stuck" + head + "Prefer: wait=60\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 503"))
        }
    }

    @Test func `a handler that waits has time for it`() async throws {
        let slow = Route(.get, "/slow") { request in
            guard let wait = request.preferredWait else { return .text("") }
            request.beginWait(wait)
            try await Task.sleep(for: .milliseconds(700))
            return .text("ended")
        }
        try await withServer([slow], configure: { $0.handlerDeadline = .milliseconds(50) }) { _, client in
            let answer = await client.send("GET /slow" + head + "Prefer: wait=60\r\n\r\n")
            #expect(answer.hasSuffix("ended"))
        }
    }
}
