import HTTP
import Observability
import Testing

@Suite("Router")
struct RouterTests {
    struct Unexpected: Error {}
    struct Busy: Error {}

    let log = InMemoryLogHandler()

    var router: Router {
        Router(
            routes: [
                Route(.get, "/v1/orders/{id}") { .text("order " + $0.parameter("id")) },
                Route(.get, "/v1/orders") { _ in .text("orders") },
                Route(.post, "/v1/orders", body: .json) { _ in .text("made", status: 202) },
                Route(.get, "/v1/problem") { _ in throw Problem.conflict("Wait.") },
                Route(.get, "/v1/unexpected") { _ in throw Unexpected() },
                Route(.get, "/v1/busy") { _ in throw Busy() },
                Route(.get, "/v1/cancelled") { _ in throw CancellationError() },
            ],
            logger: Logger(label: "test", handler: log)
        ) { $0 is Busy ? .unavailable("The database is busy.") : nil }
    }

    @Test func `a name in braces stands for one segment`() async {
        #expect(await router.respond(to: HTTPRequest(.get, "/v1/orders/7")).text == "order 7")
        #expect(await router.respond(to: HTTPRequest(.get, "/v1/orders")).text == "orders")
    }

    @Test(arguments: ["/", "/v1", "/v1/orders/", "/v1/orders/7/", "/v1/orders/7/lines", "//v1/orders", ""])
    func `an unknown path is not found, and the answer names the known ones`(path: String) async {
        let response = await router.respond(to: HTTPRequest(.get, path))
        #expect(response.status == 404)
        #expect(response.headers["Content-Type"] == "application/problem+json")
        #expect(response.text.contains("/v1/orders/{id}"))
    }

    @Test(arguments: [HTTPMethod.put, .delete, .other])
    func `another method is refused with those the path takes`(method: HTTPMethod) async {
        let response = await router.respond(to: HTTPRequest(method, "/v1/orders"))
        #expect(response.status == 405)
        #expect(response.headers["Allow"] == "GET, HEAD, POST")
    }

    @Test func `HEAD is answered as GET`() async {
        #expect(await router.respond(to: HTTPRequest(.head, "/v1/orders/7")).status == 200)
    }

    @Test func `another content type is refused`() async {
        let form: HTTPHeaders = ["content-type": "application/x-www-form-urlencoded"]
        let response = await router.respond(to: HTTPRequest(.post, "/v1/orders", headers: form))
        #expect(response.status == 415)
        #expect(await router.respond(to: HTTPRequest(.post, "/v1/orders")).status == 415)
        let json: HTTPHeaders = ["CONTENT-TYPE": "Application/JSON; charset=utf-8"]
        #expect(await router.respond(to: HTTPRequest(.post, "/v1/orders", headers: json)).status == 202)
    }

    @Test func `a thrown problem is the answer`() async {
        let response = await router.respond(to: HTTPRequest(.get, "/v1/problem"))
        #expect(response.status == 409)
        #expect(
            response.text
                == "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,\"detail\":\"Wait.\"}\n")
        #expect(log.lines.isEmpty)
    }

    @Test func `an unexpected error is a 500 without details, and logged once`() async {
        let response = await router.respond(to: HTTPRequest(.get, "/v1/unexpected"))
        #expect(response.status == 500)
        #expect(!response.text.contains("Unexpected"))
        #expect(log.lines.map(\.message) == ["request failed"])
        #expect(log.lines.first?.metadata["http.route"] == "/v1/unexpected")
    }

    @Test func `the service's own table says what its errors are to clients`() async {
        let response = await router.respond(to: HTTPRequest(.get, "/v1/busy"))
        #expect(response.status == 503)
        #expect(response.headers["Retry-After"] == "1")
        #expect(log.lines.isEmpty)
    }

    @Test func `a cancelled handler asks for another try`() async {
        let response = await router.respond(to: HTTPRequest(.get, "/v1/cancelled"))
        #expect(response.status == 503)
        #expect(response.headers["Retry-After"] == "1")
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}
