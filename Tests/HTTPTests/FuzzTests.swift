import HTTP
import Observability
import TestSupport
import Testing

/// What clients may put into a request: each reader has a value or a problem for it.
@Suite("Requests that nobody meant", .timeLimit(.minutes(2)))
struct FuzzTests {
    private static let cases = 2000

    private struct Form: Codable, Equatable {
        struct Line: Codable, Equatable {
            let sku: String
            let quantity: Int64
        }

        let customerId: String
        let email: String?
        let lines: [Line]
        let price: Double?
        let isGift: Bool?
    }

    private static let form = Array(
        #"{"customerId":"ada","email":"a@b.c","lines":[{"sku":"a","quantity":1}],"price":1.5,"isGift":true}"#
            .utf8)

    /// Header fields as the parsers know them, with something changed.
    private func field(_ samples: [String], _ generator: inout SeededGenerator) -> String {
        let sample = samples.randomElement(using: &generator) ?? ""
        let bytes =
            Bool.random(using: &generator)
            ? Mutation.bytes(Array(sample.utf8), using: &generator)
            : Mutation.noise(upTo: 80, using: &generator)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func accepted(_ problem: @autoclosure () throws -> Void) throws -> Bool {
        do {
            try problem()
            return true
        } catch let problem as Problem {
            #expect((400..<500).contains(problem.status) && !problem.detail.isEmpty)
            return false
        }
    }

    @Test func `a body is the form or a problem`() throws {
        var generator = SeededGenerator(seed: 11)
        var counts = (accepted: 0, refused: 0)
        for index in 0..<3000 {
            let body =
                switch index % 4 {
                case 0: Mutation.noise(upTo: 400, using: &generator)
                case 1: Mutation.bytes(Self.form, using: &generator)
                default: try Mutation.json(Self.form, using: &generator)
                }
            let request = HTTPRequest(.post, "/", headers: ["Content-Type": "application/json"], body: body)
            if try accepted(_ = request.decode(Form.self)) {
                counts.accepted += 1
            } else {
                counts.refused += 1
            }
        }
        #expect(counts.accepted > 100 && counts.refused > 100, "\(counts)")
    }

    @Test(arguments: ["[", "{\"a\":", "{\"lines\":[", "[[],", "\"\\ud800"])
    func `a body of nothing but depth is a problem`(piece: String) throws {
        let body = Array(String(repeating: piece, count: 65_536 / piece.utf8.count).utf8)
        let request = HTTPRequest(.post, "/", headers: ["Content-Type": "application/json"], body: body)
        #expect(try !accepted(_ = request.decode(Form.self)))
    }

    @Test func `a cursor is ours or a problem`() throws {
        var generator = SeededGenerator(seed: 12)
        let samples = [Cursor(["a"]).text, Cursor(["2026", "b"]).text, Cursor([""]).text, "AAAA", "____"]
        for _ in 0..<Self.cases {
            let text = field(samples, &generator)
            let request = HTTPRequest(.get, "/", query: [("cursor", text), ("limit", text)])
            if try accepted(_ = request.cursor(parts: 2)), let cursor = try request.cursor(parts: 2) {
                #expect(Cursor(cursor.text) == cursor)
            }
            if try accepted(_ = request.limit()) { #expect((1...200).contains(try request.limit())) }
        }
    }

    @Test func `a key has visible characters or is a problem`() throws {
        var generator = SeededGenerator(seed: 13)
        let samples = ["abc", "\"abc\"", "\"a\\\"b\\\\\"", " \"", "\"", "e\u{301}", "\"\u{301}\""]
        for _ in 0..<Self.cases {
            let text = field(samples, &generator)
            let request = HTTPRequest(.post, "/", headers: ["Idempotency-Key": text])
            guard try accepted(_ = request.idempotencyKey()) else { continue }
            let key = try request.idempotencyKey()
            #expect((1...255).contains(key.utf8.count) && key.utf8.allSatisfy { (0x21...0x7E).contains($0) })
        }
    }

    @Test func `a preference is heeded within its bounds or ignored`() {
        var generator = SeededGenerator(seed: 14)
        let samples = [
            "wait=10", "respond-async, wait=5", "wait=\"7\"; foo=bar", "wait=99999999999999999999", ",;=",
        ]
        for _ in 0..<Self.cases {
            let request = HTTPRequest(.get, "/", headers: ["Prefer": field(samples, &generator)])
            if let wait = request.preferredWait { #expect((0...60).contains(wait.seconds)) }
        }
    }

    @Test func `an entity tag is known or not, and a trace has its form or is none`() {
        var generator = SeededGenerator(seed: 15)
        let tags = ["\"3\"", "W/\"3\", \"4\"", "*", "\"", ",,"]
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        #expect(HTTPRequest(.get, "/", headers: ["traceparent": trace]).traceparent == trace)
        for _ in 0..<Self.cases {
            let tag = field(tags, &generator)
            let request = HTTPRequest(
                .get, "/",
                headers: [
                    "If-None-Match": tag, "If-Match": tag, "traceparent": field([trace], &generator),
                ])
            if !tag.contains("3"), !tag.contains("*") { #expect(!request.alreadyHas(ETag(version: 3))) }
            _ = try? request.requireMatch(ETag(version: 3))
            if let trace = request.traceparent {
                #expect(trace.utf8.count == 55 && trace.utf8.allSatisfy { (0x2D...0x66).contains($0) })
            }
        }
    }

    @Test func `any path and method has an answer`() async {
        var generator = SeededGenerator(seed: 16)
        let echo = Route(.get, "/v1/things/{id}") { .text($0.parameter("id")) }
        let router = Router(
            routes: [echo], logger: Logger(label: "test", handler: InMemoryLogHandler()))
        for _ in 0..<Self.cases {
            let path = field(
                ["/v1/things/a", "/v1/things/%2e%2e/b", "//", "/v1//things/\u{301}"], &generator)
            let methods: [HTTPMethod] = [.get, .head, .post, .put, .patch, .delete, .other]
            let method = methods.randomElement(using: &generator) ?? .get
            let answer = await router.respond(to: HTTPRequest(method, path))
            #expect([200, 404, 405].contains(answer.status))
        }
    }
}
