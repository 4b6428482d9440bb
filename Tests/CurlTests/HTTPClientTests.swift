import Curl
import HTTP
import Observability
import Testing

@Suite("HTTP client")
struct HTTPClientTests {
    func withServer(_ body: (HTTPClient, String) async throws -> Void) async throws {
        let logger = Logger(label: "test", handler: InMemoryLogHandler())
        let router = Router(
            routes: [
                Route(.post, "/echo") { request in
                    HTTPResponse(
                        status: 202, headers: ["X-Kind": request.headers["X-Kind"] ?? "none"],
                        body: request.body)
                },
                Route(.get, "/hello") { _ in .text("hello") },
                Route(.get, "/slow") { _ in
                    try await Task.sleep(for: .seconds(60))
                    return .text("late")
                },
                Route(.get, "/large") { _ in
                    HTTPResponse(
                        status: 200, body: [UInt8](repeating: 0x78, count: HTTPClient.bodyBytesMax + 1))
                },
            ], logger: logger)
        let server = HTTPServer(configuration: HTTPServerConfiguration(), router: router, logger: logger)
        let port = try server.start()
        do {
            try await body(HTTPClient(), "http://127.0.0.1:\(port)")
        } catch {
            await server.drain(deadline: .zero)
            throw error
        }
        await server.drain(deadline: .zero)
    }

    @Test func `a request goes out with its headers and body, and the answer comes back`() async throws {
        try await withServer { client, url in
            let body = Array("{\"a\":1}".utf8)
            let answer = try await client.request(
                "POST", url + "/echo", headers: [("X-Kind", "test")], body: body)
            #expect(answer.status == 202)
            #expect(answer.header("x-kind") == "test")
            #expect(answer.body == body)
            let second = try await client.request("GET", url + "/hello")
            #expect(second.body == Array("hello".utf8))
            let head = try await client.request("HEAD", url + "/hello")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            let empty = try await client.request("POST", url + "/echo")
            #expect(empty.status == 202)
        }
    }

    @Test func `any status is an answer`() async throws {
        try await withServer { client, url in
            let unknown = try await client.request("GET", url + "/nothing")
            #expect(unknown.status == 404)
            let other = try await client.request("DELETE", url + "/hello")
            #expect(other.status == 405)
        }
    }

    @Test func `a slow server is given up`() async throws {
        try await withServer { client, url in
            await #expect(throws: CurlError.timedOut) {
                try await client.request("GET", url + "/slow", timeout: .milliseconds(50))
            }
        }
    }

    @Test func `an answer that is too large is given up`() async throws {
        try await withServer { client, url in
            await #expect(throws: CurlError.answerTooLarge) {
                try await client.request("GET", url + "/large")
            }
            let other = try await client.request("GET", url + "/hello")
            #expect(other.status == 200)
        }
    }

    @Test func `a cancelled task stops waiting`() async throws {
        try await withServer { client, url in
            let task = Task { try await client.request("GET", url + "/slow") }
            task.cancel()
            await #expect(throws: CurlError.cancelled) { try await task.value }
        }
    }

    @Test func `nobody there is worth another try, a bad request isn't`() async throws {
        let client = try HTTPClient()
        let error = await #expect(throws: CurlError.self) {
            _ = try await client.request("GET", "http://127.0.0.1:1/")
        }
        #expect(error?.isRetriable == true)
        for url in ["ftp://127.0.0.1/", "file:///etc/passwd", "http://127.0.0.1/\r\nX: y"] {
            let error = await #expect(throws: CurlError.self) { _ = try await client.request("GET", url) }
            #expect(error?.isRetriable == false)
        }
        await #expect(throws: CurlError.self) {
            _ = try await client.request("GET", "http://127.0.0.1:1/", headers: [("X", "a\r\nY: b")])
        }
    }
}
