import HTTP
import Observability
import Synchronization
import Testing

/// What needs a socket: limits, refusals before the body, deadlines and the stop.
@Suite("HTTP server")
struct ServerTests {
    let echo = Route(.post, "/echo", body: .json) { request in
        HTTPResponse(status: 200, headers: ["Content-Type": "application/json"], body: request.body)
    }
    let hello = Route(.get, "/hello") { _ in .text("hello\n").with(ETag(version: 3)) }
    let json = "Content-Type: application/json\r\n"

    func post(_ headers: String, _ body: String = "") -> String {
        "POST /echo HTTP/1.1\r\nHost: x\r\n\(headers)\r\n\(body)"
    }

    @Test func `a request is answered, and the connection can be used again`() async throws {
        try await withServer([echo, hello]) { _, client in
            let first = post(json + "Content-Length: 3\r\n", "[1]")
            let second = "GET /hello?a=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            let answers = await client.send(first + second)
            #expect(answers.contains("[1]HTTP/1.1 200"))
            #expect(answers.hasSuffix("hello\n"))
        }
    }

    @Test func `a chunked body arrives whole`() async throws {
        try await withServer([echo]) { _, client in
            let head = post(json + "Transfer-Encoding: chunked\r\nConnection: close\r\n")
            let answer = await client.send(head, "2\r\n[1\r\n", "2\r\n,2\r\n1\r\n]\r\n0\r\n\r\n")
            #expect(answer.hasSuffix("\r\n\r\n[1,2]"))
        }
    }

    @Test(arguments: ["http://x", "HTTP://x:80", "https://x"])
    func `a request may name the whole address`(server: String) async throws {
        let root = Route(.get, "/") { _ in .text("root") }
        try await withServer([hello, root]) { _, client in
            let head = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            #expect(await client.send("GET \(server)/hello?a=1" + head).hasSuffix("hello\n"))
            #expect(await client.send("GET \(server)" + head).hasSuffix("root"))
        }
    }

    @Test func `HEAD has the headers of GET and no body`() async throws {
        try await withServer([hello]) { _, client in
            let answer = await client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(answer.contains("Content-Length: 6"))
            #expect(answer.hasSuffix("\r\n\r\n"))
        }
    }

    @Test(arguments: [
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    ])
    func `a body of two lengths is refused and nothing after it is read`(framing: String) async throws {
        let calls = Atomic<Int>(0)
        let counted = Route(.post, "/echo", body: .json) { _ in
            calls.add(1, ordering: .relaxed)
            return .text("")
        }
        try await withServer([counted]) { _, client in
            let answer = await client.send(
                post(json + framing, "[1]" + post(json + "Content-Length: 3\r\n", "[2]")))
            #expect(answer.hasPrefix("HTTP/1.1 400"))
            #expect(answer.contains("application/problem+json"))
            #expect(answer.components(of: "HTTP/1.1") == 1)
            #expect(calls.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `too large, a wrong type and an unknown path are refused before the body`() async throws {
        try await withServer([echo]) { _, client in
            let large = await client.send(post(json + "Content-Length: 65537\r\n"))
            #expect(large.hasPrefix("HTTP/1.1 413"))
            let type = await client.send(post("Content-Type: text/plain\r\nContent-Length: 5\r\n"))
            #expect(type.hasPrefix("HTTP/1.1 415"))
            let path = await client.send("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
            #expect(path.hasPrefix("HTTP/1.1 404"))
        }
    }

    @Test func `a client that sends all of a large body still reads the refusal`() async throws {
        try await withServer([echo]) { _, client in
            let bytes = 8_000_000
            let answer = await client.send(
                post(json + "Content-Length: \(bytes)\r\n", String(repeating: "x", count: bytes)))
            #expect(answer.hasPrefix("HTTP/1.1 413"))
            #expect(answer.contains("65536 bytes"))
        }
    }

    @Test func `a chunked body that never ends is cut off`() async throws {
        try await withServer([echo]) { server, client in
            let head = post(json + "Transfer-Encoding: chunked\r\n")
            let piece = "400\r\n" + String(repeating: "x", count: 1024) + "\r\n"
            let answer = await client.sendForever(head, piece: piece)
            #expect(answer.hasPrefix("HTTP/1.1 413"))
            #expect(answer.contains("\"status\":413"))
            #expect(await eventually { server.requestsInFlight == 0 })
        }
    }

    @Test func `a body of exactly the limit is taken`() async throws {
        try await withServer([echo]) { _, client in
            let body = "\"" + String(repeating: "x", count: 65534) + "\""
            let headers = json + "Content-Length: 65536\r\nConnection: close\r\n"
            #expect(await client.send(post(headers, body)).hasSuffix(body))
        }
    }

    @Test func `a handler past its deadline is cancelled and its client told`() async throws {
        let cancelled = Atomic<Bool>(false)
        let stuck = Route(.get, "/stuck") { _ in
            do { try await Task.sleep(for: .seconds(600)) } catch {
                cancelled.store(true, ordering: .relaxed)
            }
            return .text("late")
        }
        try await withServer([stuck], configure: { $0.handlerDeadline = .milliseconds(50) }) { _, client in
            let answer = await client.send("GET /stuck HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 503"))
            #expect(answer.contains("Retry-After: 1"))
            #expect(await eventually { cancelled.load(ordering: .relaxed) })
        }
    }

    @Test func `a handler that answers as soon as it is cancelled is too late all the same`() async throws {
        let hasty = Route(.get, "/hasty") { _ in
            try? await Task.sleep(for: .seconds(600))
            return .text("late")
        }
        try await withServer([hasty], configure: { $0.handlerDeadline = .milliseconds(50) }) { _, client in
            await withTaskGroup(of: String.self) { group in
                // So many that some of them overtake the one who cancels them.
                for _ in 0..<100 {
                    group.addTask {
                        await client.send("GET /hasty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    }
                }
                for await answer in group { #expect(answer.hasPrefix("HTTP/1.1 503")) }
            }
        }
    }

    @Test func `too much at once is refused, but reading and health go on`() async throws {
        let gate = Gate()
        let slow = Route(.post, "/slow") { _ in
            await gate.wait()
            return .text("done")
        }
        let health = Route(.get, "/livez", importance: .vital) { _ in .text("ok") }
        try await withServer([slow, hello, health], configure: { $0.requestsInFlightMax = 2 }) {
            server, client in
            let head = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            async let first = client.send("POST /slow" + head)
            async let second = client.send("POST /slow" + head)
            #expect(await eventually { server.requestsInFlight == 2 })
            let third = await client.send("POST /slow" + head)
            #expect(third.hasPrefix("HTTP/1.1 503"))
            #expect(third.contains("Retry-After: 1"))
            #expect(third.contains("application/problem+json"))
            #expect(server.requestsShedTotal == 1)
            #expect(await client.send("GET /hello" + head).hasPrefix("HTTP/1.1 200"))
            #expect(await client.send("GET /livez" + head).hasPrefix("HTTP/1.1 200"))
            gate.open()
            #expect(await first.hasSuffix("done"))
            #expect(await second.hasSuffix("done"))
        }
    }

    @Test func `reading takes no place from new work, nor from what finishes it`() async throws {
        let gate = Gate()
        let slow = Route(.get, "/slow") { _ in
            await gate.wait()
            return .text("done")
        }
        let end = Route(.post, "/end", importance: .high) { _ in .text("ended") }
        try await withServer([slow, echo, end], configure: { $0.requestsInFlightMax = 4 }) { server, client in
            let head = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            async let first = client.send("GET /slow" + head)
            async let second = client.send("GET /slow" + head)
            #expect(await eventually { server.requestsInFlight == 2 })
            async let third = client.send("GET /slow" + head)
            #expect(await eventually { server.requestsShedTotal == 1 || server.requestsInFlight == 3 })
            let new = post(json + "Connection: close\r\nContent-Length: 3\r\n", "[1]")
            #expect(await client.send(new).hasSuffix("[1]"))
            #expect(await client.send("POST /end" + head).hasSuffix("ended"))
            gate.open()
            #expect(await third.hasPrefix("HTTP/1.1 503"))
            #expect(await first.hasSuffix("done"))
            #expect(await second.hasSuffix("done"))
        }
    }

    @Test func `a connection without a request is closed, one between requests is kept`() async throws {
        try await withServer([hello], configure: { $0.firstRequestSeconds = 1 }) { _, client in
            #expect(await client.send("", seconds: 30) == "")
            #expect(await client.send("GET /hello HT", seconds: 30) == "")
            let kept = ContinuousClock.now
            _ = await client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", seconds: 3)
            #expect(ContinuousClock.now - kept > .seconds(2))
        }
    }

    @Test func `clients that leave before the answer do no harm`() async throws {
        let gate = Gate()
        let slow = Route(.get, "/slow") { _ in
            await gate.wait()
            return .text("done")
        }
        try await withServer([slow, hello]) { server, client in
            for _ in 0..<20 { await client.sendAndLeave("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") }
            #expect(await eventually { server.requestsInFlight == 20 })
            gate.open()
            #expect(await eventually { server.requestsInFlight == 0 })
            let head = " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            #expect(await client.send("GET /hello" + head).hasSuffix("hello\n"))
        }
    }
}

extension String {
    fileprivate func components(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
