import HTTP
import Kernel
import Testing

@Suite("Reading a request")
struct RequestTests {
    struct Order: Decodable {
        let customerId: String
        let lines: [Line]
        struct Line: Decodable {
            let sku: String
            let quantity: Int
        }
    }

    func problem(_ body: String) -> Problem? {
        let request = HTTPRequest(
            .post, "/", headers: ["Content-Type": "application/json"], body: Array(body.utf8))
        do {
            _ = try request.decode(Order.self)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("{\"lines\":[]}", "/customerId", "is missing"),
        ("{\"customerId\":1,\"lines\":[]}", "/customerId", "must be a string"),
        ("{\"customerId\":null,\"lines\":[]}", "/customerId", "must be a string, not null"),
        ("{\"customerId\":\"c\",\"lines\":{}}", "/lines", "must be a list"),
        ("{\"customerId\":\"c\",\"lines\":[1]}", "/lines/0", "must be an object"),
        ("{\"customerId\":\"c\",\"lines\":[{\"sku\":\"s\"}]}", "/lines/0/quantity", "is missing"),
        (
            "{\"customerId\":\"c\",\"lines\":[{\"sku\":\"s\",\"quantity\":\"1\"}]}", "/lines/0/quantity",
            "must be a whole number"
        ),
        (
            "{\"customerId\":\"c\",\"lines\":[{\"sku\":\"s\",\"quantity\":1.5}]}", "/lines/0/quantity",
            "must be a whole number of a reasonable size"
        ),
        (
            "{\"customerId\":\"c\",\"lines\":[{\"sku\":\"s\",\"quantity\":99999999999999999999}]}",
            "/lines/0/quantity", "must be a whole number of a reasonable size"
        ),
        (
            "{\"customerId\":\"c\",\"lines\":[{\"sku\":\"s\",\"quantity\":1e400}]}",
            "/lines/0/quantity", "must be a whole number of a reasonable size"
        ),
        ("{\"customerId\":\"\\ud800\",\"lines\":[]}", "/customerId", "must be text of valid Unicode"),
        ("[]", "", "must be an object"),
    ])
    func `a wrong field is named`(body: String, pointer: String, detail: String) {
        #expect(problem(body)?.status == 400)
        #expect(problem(body)?.errors == [Violation(pointer, detail)])
    }

    @Test func `bytes that are no text are named`() throws {
        var body = Array("{\"lines\":[],\"customerId\":\"?\"}".utf8)
        let place = try #require(body.firstIndex(of: UInt8(ascii: "?")))
        body[place] = 0xFF
        let request = HTTPRequest(.post, "/", headers: ["Content-Type": "application/json"], body: body)
        let error = Violation("/customerId", "must be text of valid Unicode")
        #expect { try request.decode(Order.self) } throws: { ($0 as? Problem)?.errors == [error] }
    }

    @Test func `where one of several may be at fault, none is blamed`() throws {
        let body = "{\"aa\":1.5,\"customerId\":\"a\",\"lines\":[{\"sku\":\"s\",\"quantity\":1e30}]}"
        let found = try #require(problem(body))
        #expect(found.errors.isEmpty)
        #expect(found.detail.contains("`/aa`") && found.detail.contains("`/lines/0/quantity`"))
    }

    @Test func `a pointer escapes what has a meaning in it`() {
        let request = HTTPRequest(
            .post, "/", headers: ["Content-Type": "application/json"],
            body: Array("{\"a/b\":{\"c~d\":1.5}}".utf8))
        let error = Violation("/a~1b/c~0d", "must be a whole number of a reasonable size")
        #expect {
            try request.decode([String: [String: Int]].self)
        } throws: {
            ($0 as? Problem)?.errors == [error]
        }
    }

    @Test(arguments: ["", "nul", "{", "{\"customerId\":\"c\"", "\u{0}", "{'a':1}"])
    func `what is not JSON is refused as that`(body: String) {
        #expect(problem(body)?.status == 400)
        #expect(problem(body)?.detail.contains("not JSON") == true)
    }

    @Test func `a JSON nested too deeply is refused, not a crash`() {
        #expect(problem(String(repeating: "[", count: 65536))?.status == 400)
        #expect(problem(String(repeating: "{\"a\":", count: 10000))?.status == 400)
    }

    @Test(arguments: [
        ("wait=10", 10), ("wait=0", 0), ("wait = 5", 5), ("WAIT=5", 5), ("wait=\"7\"", 7), ("wait=600", 60),
        ("wait=99999999999999999999", 60), ("return=minimal, wait=3", 3), ("wait=3; foo=bar", 3),
        ("wait=3, wait=4", 3), ("wait", nil), ("wait=", nil), ("wait=-1", nil), ("wait=abc", nil), ("", nil),
        ("respond-async, wait=10", nil), ("wait=10, respond-async", nil), ("foo; wait=10", nil),
        ("foo=\"a, wait=10\"", nil), ("foo=\"a\\\", wait=10\"", nil), ("foo=\"a;\"; b, wait=10", 10),
        (";", nil), (",", nil), ("\"", nil),
    ])
    func `a wait is capped, and nonsense is no wait`(field: String, seconds: Int?) {
        let request = HTTPRequest(.get, "/", headers: ["prefer": field])
        #expect(request.preferredWait?.seconds == seconds)
    }

    @Test(arguments: [
        ("abc", "abc"), ("\"abc\"", "abc"), ("  abc ", "abc"), ("\"a\\\"b\\\\c\"", "a\"b\\c"),
        ("a\"b", "a\"b"),
    ])
    func `an idempotency key may be quoted or bare`(field: String, key: String) throws {
        #expect(try HTTPRequest(.post, "/", headers: ["Idempotency-Key": field]).idempotencyKey() == key)
    }

    @Test(arguments: [
        "", "\"", "\"a", "\"\"", "a b", "\"a b\"", "é", "\"a\"b\"", "\"a\\\"",
        String(repeating: "x", count: 256),
    ])
    func `a bad idempotency key is refused`(field: String) {
        let request = HTTPRequest(.post, "/", headers: ["Idempotency-Key": field])
        #expect { try request.idempotencyKey() } throws: { ($0 as? Problem)?.status == 400 }
    }

    @Test func `a missing or repeated idempotency key is refused`() {
        let twice: HTTPHeaders = ["Idempotency-Key": "a", "idempotency-key": "b"]
        for headers in [[:], twice] {
            let request = HTTPRequest(.post, "/", headers: headers)
            #expect { try request.idempotencyKey() } throws: { ($0 as? Problem)?.status == 400 }
        }
    }

    @Test(arguments: [
        ("\"3\"", true), ("W/\"3\"", true), ("\"2\", \"3\"", true), ("*", true), ("\"33\"", false),
        ("3", false),
    ])
    func `an entity tag is found in a list`(field: String, isThere: Bool) {
        let request = HTTPRequest(.get, "/", headers: ["If-None-Match": field])
        #expect(request.alreadyHas(ETag(version: 3)) == isThere)
    }

    @Test func `a change to another version is refused`() throws {
        let stale = HTTPRequest(.put, "/", headers: ["If-Match": "\"2\""])
        #expect { try stale.requireMatch(ETag(version: 3)) } throws: { ($0 as? Problem)?.status == 412 }
        try HTTPRequest(.put, "/").requireMatch(ETag(version: 3))
        try stale.requireMatch(ETag(version: 2))
        let new = HTTPRequest(.put, "/", headers: ["If-None-Match": "*"])
        #expect { try new.requireMatch(ETag(version: 1)) } throws: { ($0 as? Problem)?.status == 412 }
        try new.requireMatch(nil)
        #expect { try stale.requireMatch(nil) } throws: { ($0 as? Problem)?.status == 412 }
    }

    @Test(arguments: [["a"], ["2026-11-21T12:00:00.000Z", "0190"], ["", ""], ["ü", "x", "y"]])
    func `a cursor comes back as it was given out`(key: [String]) throws {
        let text = Cursor(key).text
        #expect(text.utf8.allSatisfy { $0.isURLSafe })
        let request = HTTPRequest(.get, "/", query: [("cursor", text)])
        if !text.isEmpty { #expect(try request.cursor(parts: key.count) == Cursor(key)) }
    }

    @Test(arguments: ["!", "a", "YQ==", "YWI", "__79"])
    func `a cursor that is not ours is refused`(text: String) {
        let request = HTTPRequest(.get, "/", query: [("cursor", text)])
        #expect { try request.cursor(parts: 2) } throws: { ($0 as? Problem)?.status == 400 }
    }

    @Test(arguments: ["0", "-1", "201", "abc", "", "1.5"])
    func `a limit out of its range is refused`(text: String) throws {
        let request = HTTPRequest(.get, "/", query: [("limit", text)])
        #expect { try request.limit() } throws: { ($0 as? Problem)?.status == 400 }
        #expect(try HTTPRequest(.get, "/").limit() == 50)
    }
}

extension UInt8 {
    fileprivate var isURLSafe: Bool {
        (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
            || self == 0x2D || self == 0x5F
    }
}
