import HTTP
import Testing

/// Clients that take their time, each with deadlines short enough for a test.
@Suite("Slow clients", .timeLimit(.minutes(2)))
struct SlowClientTests {
    private let hello = Route(.get, "/hello") { _ in .text("hello\n") }
    private let echo = Route(.post, "/echo", body: .json) { HTTPResponse(status: 200, body: $0.body) }
    /// More than the system's buffers take off our hands.
    private let large = Route(.get, "/large") { _ in .text(String(repeating: "a", count: 40_000_000)) }
    private let close = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    private let post = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"

    @Test func `a head that drips in is cut off, the first one and a later one`() async throws {
        try await withServer(
            [hello],
            configure: {
                $0.headDeadline = .milliseconds(500)
                $0.idleSeconds = 1
            }
        ) { server, client in
            for opening in ["", "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"] {
                let begun = ContinuousClock.now
                let answer = await client.drip(opening + "GET /hello HTTP/1.1\r\nHost: ", "x")
                #expect(answer.contains("200 OK") == !opening.isEmpty)
                #expect(ContinuousClock.now - begun < .seconds(20))
            }
            #expect(await eventually { server.connectionsOpen == 0 })
        }
    }

    @Test func `a body that drips in is refused`() async throws {
        try await withServer([echo], configure: { $0.bodyDeadline = .milliseconds(500) }) { server, client in
            let answer = await client.drip(post + "Content-Length: 60000\r\n\r\n", " ")
            #expect(answer.hasPrefix("HTTP/1.1 408"))
            #expect(answer.contains("application/problem+json"))
            #expect(await eventually { server.connectionsOpen == 0 })
        }
    }

    @Test func `a body that never comes ends the connection`() async throws {
        try await withServer([echo], configure: { $0.bodyDeadline = .milliseconds(500) }) { server, client in
            #expect(await client.send(post + "Content-Length: 9\r\n\r\n{", seconds: 30) == "")
            #expect(await eventually { server.connectionsOpen == 0 })
        }
    }

    @Test func `an answer that nobody reads is given up, and its place is free again`() async throws {
        try await withServer(
            [large, hello],
            configure: {
                $0.answerDeadline = .milliseconds(500)
                $0.bytesHeldMax = 100_000_000
            }
        ) { server, client in
            let seen = Served()
            async let unread: Void = client.sendAndSleep("GET /large" + close) { seen.isSet }
            #expect(await eventually { server.requestsInFlight == 1 })
            #expect(await eventually { server.requestsInFlight == 0 && server.connectionsOpen == 0 })
            seen.set()
            await unread
            #expect(await client.send("GET /hello" + close).hasSuffix("hello\n"))
        }
    }

    @Test func `answers that nobody reads take no more memory than is allowed`() async throws {
        try await withServer([large, hello], configure: { $0.bytesHeldMax = 100_000_000 }) { server, client in
            // In flight is not enough: what a handler has yet to answer takes no memory.
            let first = Served()
            let second = Served()
            async let unread: Void = client.sendAndSleep("GET /large" + close, answered: first) {
                server.requestsShedTotal == 1
            }
            async let other: Void = client.sendAndSleep("GET /large" + close, answered: second) {
                server.requestsShedTotal == 1
            }
            #expect(await eventually { first.isSet && second.isSet })
            let refused = await client.send("GET /large" + close)
            #expect(refused.hasPrefix("HTTP/1.1 503"))
            #expect(refused.contains("application/problem+json"))
            #expect(await client.send("GET /hello" + close).hasSuffix("hello\n"))
            _ = await (unread, other)
            #expect(await eventually { server.requestsInFlight == 0 })
            #expect(await client.send("GET /large" + close).hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `bodies take no more memory than is allowed`() async throws {
        try await withServer([echo], configure: { $0.bytesHeldMax = 10_000 }) { _, client in
            let body = "\"" + String(repeating: "x", count: 20_000) + "\""
            let answer = await client.send(post + "Content-Length: \(body.utf8.count)\r\n\r\n", body)
            #expect(answer.hasPrefix("HTTP/1.1 503"))
            let small = await client.send(post + "Content-Length: 2\r\nConnection: close\r\n\r\n{}")
            #expect(small.hasSuffix("{}"))
        }
    }

    @Test func `where all places are taken, those that are idle are given to others`() async throws {
        try await withServer(
            [hello],
            configure: {
                $0.connectionsMax = 16
                $0.firstRequestSeconds = 60
                $0.headDeadline = .seconds(60)
            }
        ) { server, client in
            let served = Served()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<40 { group.addTask { await client.sendAndSleep("") { served.isSet } } }
                #expect(await eventually { server.connectionsOpen == 16 })
                let begun = ContinuousClock.now
                #expect(await client.send("GET /hello" + close, seconds: 30).hasSuffix("hello\n"))
                #expect(ContinuousClock.now - begun < .seconds(20))
                served.set()
            }
        }
    }

    @Test func `a NUL in a path or a query ends nothing`() async throws {
        let echo = Route(.get, "/things/{id}") { .text("\($0.parameter("id"))|\($0.query("a") ?? "")") }
        try await withServer([echo]) { _, client in
            let answer = await client.send("GET /things/x%00y?a=b%00%41%zz" + close)
            #expect(answer.hasSuffix("x\u{FFFD}y|b\u{FFFD}A%zz"))
        }
    }
}
