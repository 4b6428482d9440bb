import HTTP
import Kernel
import Messaging
import SalesDomain
import TestSupport
import Testing

@testable import SalesService

@Suite("Sales over HTTP")
struct SalesRoutesTests {
    private func text(_ response: HTTPResponse) -> String { String(decoding: response.body, as: UTF8.self) }

    @Test func `minutes are listed newest first, page by page`() async throws {
        try await SalesUnderTest.run { sales in
            for number in 0..<5 {
                let id = Identifier.fresh()
                try await sales.handle(
                    .created(id, ("tea", 1), ("mug", 2)), .confirmed(id, at: Double(60 * number)))
            }
            var seen: [String] = []
            var cursor = ""
            repeat {
                let answer = await sales.get("/v1/sales", ("limit", "3"), ("cursor", cursor))
                #expect(answer.status == 200)
                seen += text(answer).matches(of: /"sku":"([a-z]+)","start":"2025-11-21T12:0(\d)/).map {
                    "\($0.1) \($0.2)"
                }
                cursor = text(answer).firstMatch(of: /"nextCursor":"([^"]+)"/).map { String($0.1) } ?? ""
            } while !cursor.isEmpty && seen.count < 20
            #expect(
                seen == (1...5).reversed().flatMap { ["tea \($0)", "mug \($0)"] })
        }
    }

    @Test func `what sold best lately is summed over the minutes`() async throws {
        try await SalesUnderTest.run { sales in
            let now = Timestamp.now().since(minute).components.seconds
            for (sku, units, ago) in [("tea", 2, 0), ("tea", 3, 600), ("mug", 4, 60), ("old", 9, 3600)] {
                let id = Identifier.fresh()
                try await sales.handle(
                    .created(id, (sku, Int64(units))), .confirmed(id, at: Double(now - Int64(ago))))
            }
            func best(_ query: (name: String, value: String)...) async -> [String] {
                let answer = await sales.router.respond(
                    to: HTTPRequest(.get, "/v1/bestsellers", query: query))
                return text(answer).matches(of: /"sku":"([a-z]+)","units":(\d),"orders":(\d)/).map {
                    "\($0.1) \($0.2) \($0.3)"
                }
            }
            #expect(await best() == ["tea 5 2", "mug 4 1"])
            #expect(await best(("minutes", "5")) == ["mug 4 1", "tea 2 1"])
            #expect(await best(("minutes", "1440"), ("limit", "1")) == ["old 9 1"])
            #expect(await sales.get("/v1/bestsellers").status == 200)
        }
    }

    @Test func `a shop that sold nothing has empty lists`() async throws {
        try await SalesUnderTest.run { sales in
            #expect(text(await sales.get("/v1/sales")) == #"{"sales":[]}"# + "\n")
            #expect(text(await sales.get("/v1/bestsellers")).hasSuffix(#","bestsellers":[]}"# + "\n"))
        }
    }

    @Test(
        arguments: [
            ("/v1/bestsellers", "minutes", "0"), ("/v1/bestsellers", "minutes", "1441"),
            ("/v1/bestsellers", "minutes", "x"), ("/v1/bestsellers", "limit", "0"),
            ("/v1/sales", "limit", "201"), ("/v1/sales", "cursor", "bm9uc2Vuc2U"),
            ("/v1/sales", "cursor", Cursor(["noon", "tea"]).text),
            ("/v1/sales", "cursor", Cursor(["2025-11-21T12:01:00Z", "\u{7}"]).text),
        ])
    func `what makes no sense is a problem that says so`(path: String, name: String, value: String)
        async throws
    {
        try await SalesUnderTest.run { sales in
            let answer = await sales.get(path, (name, value))
            #expect(answer.status == 400)
            #expect(text(answer).contains(name))
        }
    }
}
