import Synchronization
import TestSupport
import Testing

@testable import ShopTool

@Suite("Orders by the tool") struct OrderCommandTests {
    private func body(_ line: String) throws -> OrderBody {
        let words = ["order", "place"] + line.split(separator: " ").map(String.init)
        guard case .run(_, let arguments) = try Parser(groups: commandTable).parse(words) else {
            throw UsageError("help")
        }
        return try OrderBody(arguments)
    }

    @Test func `lines are read from their options`() throws {
        let order = try body("--sku tea=2 --sku cup --token tok_declined")
        #expect(order.lines == [.init(sku: "tea", quantity: 2), .init(sku: "cup", quantity: 1)])
        #expect(order.paymentToken == "tok_declined")
        #expect(order.customerId == "operator")
    }

    @Test(arguments: ["--sku tea=two", "--sku =2", "--sku tea=1=2"])
    func `a line that can't be read is refused`(line: String) {
        #expect(throws: UsageError.self) { try body(line) }
    }

    @Test func `a refusal is told in the service's words`() {
        let document =
            #"{"title":"Unprocessable","detail":"One line is wrong.","errors":[{"detail":"Below 1."}]}"#
        let answer = WebAnswer(status: 422, body: Array(document.utf8))
        #expect(throws: Failure("One line is wrong. Below 1.")) { try answer.decode(OrderAnswer.self) }
        #expect(WebAnswer(status: 502, body: []).refusal == Failure("the service answered with status 502"))
    }

    @Test func `an order is told a fact in a line`() throws {
        let document = """
            {"id":"01a1fef1-c746-7bf5-8fc1-61769b71783c","customerId":"ada","status":"cancelled","reason":"deadline",
            "lines":[{"sku":"tea","quantity":2,"unitPrice":{"amount":5,"currency":"EUR"}}],
            "total":{"amount":10,"currency":"EUR"},"createdAt":"2026-11-21T12:00:00.000Z",
            "updatedAt":"2026-11-21T12:00:01.500Z"}
            """
        let order = try WebAnswer(status: 200, body: Array(document.utf8)).decode(OrderAnswer.self)
        #expect(
            order.text == """
                order     01a1fef1-c746-7bf5-8fc1-61769b71783c
                status    cancelled: deadline
                customer  ada
                total     0.10 EUR
                line      2 x tea at 0.05 EUR
                placed    2026-11-21T12:00:00.000Z
                changed   2026-11-21T12:00:01.500Z, 1.5 s later
                """)
    }

    @Test func `money has the decimals of its currency`() throws {
        let document = """
            {"id":"01a1fef1-c746-7bf5-8fc1-61769b71783c","customerId":"ada","status":"pending","lines":[],
            "total":{"amount":500,"currency":"JPY"},"createdAt":"2026-11-21T12:00:00.000Z",
            "updatedAt":"2026-11-21T12:00:00.000Z"}
            """
        let order = try WebAnswer(status: 200, body: Array(document.utf8)).decode(OrderAnswer.self)
        #expect(order.text.contains("total     500 JPY\n"))
    }

    @Test func `an order that may have been placed can be repeated`() async throws {
        // Any server will do: what it is asked is held back.
        let proxy = try FaultProxy(to: PostgresServer.fromEnvironment())
        defer { proxy.close() }
        let complaint = Mutex("")
        let shop = Shop(
            settings: Settings(
                environment: ["ORDERS_URL": "http://127.0.0.1:\(proxy.port)"], localFolder: nil),
            console: Console { text, _ in complaint.withLock { $0 = text } })
        let words = ["order", "place", "--sku", "tea"]
        try await proxy.set(.cutBefore(Array("POST ".utf8)))
        #expect(await Main.run(words, shop) == .failure)
        let told = complaint.withLock { $0 }
        #expect(told.contains("it may have been done all the same: repeat it with `--key "), "\(told)")
        try await proxy.set(.cutBefore(Array("POST ".utf8)))
        #expect(await Main.run(words + ["--key", "k-1"], shop) == .failure)
        #expect(complaint.withLock { $0 }.hasSuffix(" repeat it with `--key k-1`"))
        try await proxy.set(.cutBefore(Array("GET ".utf8)))
        #expect(await Main.run(["order", "list"], shop) == .failure)
        #expect(!complaint.withLock { $0 }.contains("repeat"))
    }

    @Test func `only the checks that fail are told of a service that is not ready`() {
        #expect(Diagnosis.notReady("[+]postgres ok\n[-]kafka not there\nnot ready\n") == "kafka not there")
    }
}
