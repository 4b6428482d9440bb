import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    /// Clients that play by other rules; the shop goes on.
    @Suite("Hostile clients") struct HostileClientTests {
        private let shop: RunningShop

        init() throws { shop = try .current }

        /// What orders answers to these bytes.
        private func answer(to text: String) async throws -> WebAnswer {
            let port = shop.port(.orders)
            return try await onThread {
                let socket = try RawSocket(port: port)
                _ = socket.send(text)
                return try socket.readAnswer()
            }
        }

        private func head(_ more: String) -> String {
            """
            POST /v1/orders HTTP/1.1\r
            Host: localhost\r
            Content-Type: application/json\r
            Idempotency-Key: \(freshWord())\r
            \(more)\r
            \r

            """
        }

        @Test func `two lengths are refused`() async throws {
            let answer = try await answer(to: head("Content-Length: 2\r\nContent-Length: 3") + "{} ")

            #expect(answer.status == 400)
            #expect(answer.header("Content-Type") == "application/problem+json")
        }

        @Test func `a length beside chunks is refused`() async throws {
            let answer = try await answer(
                to: head("Content-Length: 2\r\nTransfer-Encoding: chunked") + "2\r\n{}\r\n0\r\n\r\n")

            #expect(answer.status == 400)
            #expect(answer.header("Content-Type") == "application/problem+json")
        }

        @Test func `a body that never ends is cut off`() async throws {
            let (port, head) = (shop.port(.orders), head("Transfer-Encoding: chunked"))
            let answer = try await onThread {
                let socket = try RawSocket(port: port)
                _ = socket.send(head)
                let chunk = "1000\r\n\(String(repeating: "a", count: 4096))\r\n"
                for _ in 0..<10_000 where !socket.hasSomethingToRead {
                    guard socket.send(chunk) else { break }
                }
                return try socket.readAnswer()
            }

            #expect(answer.status == 413)
            #expect(answer.header("Content-Type") == "application/problem+json")
        }

        @Test func `noise is refused`() async throws {
            let answer = try await answer(to: "\u{16}\u{3}\u{1} hello\r\n\r\n")

            #expect(answer.status >= 400)
        }

        @Test func `two thousand idle connections keep nobody from ordering`() async throws {
            let sku = try await shop.sell(10)
            let (port, enough, started) = (shop.port(.orders), Flag(), Flag())
            async let idle: Int = onThread {
                try hold(2000, of: port, started: started, until: enough)
            }
            try await eventually("they are connected", within: .seconds(30)) { started.isSet }
            for _ in 0..<5 {
                #expect(try await shop.place(sku, wait: 20).status == "confirmed")
            }
            enough.set()
            #expect(try await idle == 2000)
            try await shop.expectRest()
        }

        @Test func `more idle connections than it takes keep nobody from ordering for long`() async throws {
            let sku = try await shop.sell(10)
            let (port, enough, started) = (shop.port(.orders), Flag(), Flag())
            // It takes 2048; the others wait in the system's queue, as the order will.
            async let idle: Int = onThread {
                try hold(4500, of: port, started: started, until: enough)
            }
            try await eventually("they are connected", within: .seconds(30)) { started.isSet }
            #expect(try await shop.place(sku, wait: 20).status == "confirmed")
            enough.set()
            #expect(try await idle == 4500)
            try await shop.expectRest()
        }

        @Test func `bodies that drip in keep nobody from ordering`() async throws {
            let sku = try await shop.sell(10)
            let (port, enough, started) = (shop.port(.orders), Flag(), Flag())
            let text = head("Content-Length: 1000") + "{"
            async let dripping: Int = onThread {
                try hold(200, of: port, sending: text, started: started, until: enough)
            }
            try await eventually("they have begun", within: .seconds(30)) { started.isSet }
            for _ in 0..<5 {
                #expect(try await shop.place(sku, wait: 20).status == "confirmed")
            }
            enough.set()
            #expect(try await dripping == 200)
            try await shop.expectRest()
        }
    }
}

/// Opens connections, says the same on each, and keeps them until it is enough.
///
/// - Returns: how many there were.
private func hold(
    _ count: Int, of port: Int, sending text: String = "", started: Flag, until enough: Flag
) throws -> Int {
    allowDescriptors(count + 1000)
    var sockets = Held()
    for _ in 0..<count { try sockets.open(port, sending: text) }
    started.set()
    while !enough.isSet { sockets.pause() }
    return sockets.count
}
