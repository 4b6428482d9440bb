import Contracts
import Kafka
import Kernel
import ShopHarness
import TestSupport

/// Records that payments can't handle: 140 that anybody may have written, and 20 of the shop's own that its database
/// refuses for as long as a constraint is wrong.
let poison = Experiment(
    name: "poison",
    summary: "160 records that can't be handled among the good ones; then a table that is missing",
    faults: "poisoned records", changes: { $0.service == .orders ? ["ORDER_DEADLINE_SECONDS": "600"] : [:] }
) { trial in
    let began = now()
    let clean = try await trial.underLoad()
    let cleanPace = Double(clean.placed) / (now() - began)
    try await trial.settle()

    try await trial.shop.books.run(
        "ALTER TABLE payments.payment ADD CONSTRAINT wrong CHECK (amount <> 777) NOT VALID")
    try await trial.list("odd", price: 777)
    var held: [String] = []
    let spoilt = now()
    let load = try await trial.underLoad {
        for _ in 0..<20 { held.append(try await trial.orderOdd()) }
        for (kind, count) in Poison.counts {
            let records = (0..<count).map { _ in Poison.record(kind) }
            _ = try await trial.shop.topics.write(records)
            trial.report.fault(count)
            try await trial.pause(0.1...0.3)
        }
        try await eventually("all are set aside", within: .seconds(60)) { try await trial.letters() >= 160 }
    }
    let pace = Double(load.placed) / (now() - spoilt)
    trial.report.tally.count("% of the clean pace", Int(100 * pace / cleanPace))
    if !trial.options.isQuick, trial.options.rate == 0 {
        trial.report.expect(pace >= 0.7 * cleanPace, "\(pace) orders/s, \(cleanPace) without poison")
    }
    trial.report.fault(held.count)
    try await trial.pause(1)
    let letters = try await trial.letters()
    trial.report.tally.count("dead letters", Int(letters))
    trial.report.expect(letters == 160, "\(letters) dead letters, not 160")

    // Mended, they are handled as if they had just come.
    try await trial.shop.books.run("ALTER TABLE payments.payment DROP CONSTRAINT wrong")
    for letter in try await trial.shop.books.texts(
        "SELECT id::text FROM payments.dead_letter WHERE error_class = '23514'")
    {
        let (code, output) = try await trial.shop.tool(
            ["dead-letters", "retry", "payments/\(letter)"], within: .seconds(60))
        trial.report.expect(code == 0, "no retry: \(output)")
    }
    try await eventually("the held orders are confirmed", within: .seconds(30)) {
        try await trial.shop.books.number(
            "SELECT count(*) FROM orders.orders WHERE total_amount = 777 AND status = 'confirmed'")
            == Int64(held.count)
    }
    try await trial.settle(deadLetters: 140)
    try await trial.expectStopWithoutTable()
    try await trial.settle(deadLetters: 140)
}

private enum Poison {
    enum Kind { case undecodable, wrongVersion, large, headerless }

    static let counts: [(Kind, Int)] = [
        (.undecodable, 50), (.wrongVersion, 50), (.large, 20), (.headerless, 20),
    ]

    /// About an order that nobody knows.
    static func record(_ kind: Kind) -> ProducerRecord {
        let time = Timestamp(unixMicroseconds: WallTime.now.microseconds)
        let id = Identifier.fresh()
        var headers = CloudEvent(
            id: .fresh(), type: "inventory.reserved", time: time, subject: id.description,
            correlationID: id,
            causationID: nil, traceparent: nil, version: 1
        ).headers
        var value = Array(#"{"orderId": 7, "tot"#.utf8)
        switch kind {
        case .undecodable: break
        case .wrongVersion:
            headers = headers.map { $0.name == "ce_specversion" ? ($0.name, "9.9") : $0 }
        case .large: value = Array(repeating: UInt8(ascii: "a"), count: 300_000)
        case .headerless: headers = []
        }
        return ProducerRecord(
            topic: "inventory.reserved", key: id.description, value: value, headers: headers)
    }
}

extension Trial {
    fileprivate func letters() async throws -> Int64 {
        try await shop.books.number("SELECT count(*) FROM payments.dead_letter WHERE state = 'parked'")
    }

    /// Lists a product of which there is enough, and waits until it can be ordered.
    func list(_ sku: String, price: Int, stock: Int = 1_000_000) async throws {
        let (port, headers) = (shop.port(.inventory), ["Content-Type": "application/json"])
        let listed = try await call(
            "PUT", port: port, "/v1/products/\(sku)", headers: headers,
            body: #"{"name":"\#(sku)","price":{"amount":\#(price),"currency":"EUR"}}"#)
        let stocked = try await call(
            "POST", port: port, "/v1/products/\(sku)/stock",
            headers: headers.merging(["Idempotency-Key": "stock-of-\(sku)"]) { $1 },
            body: #"{"quantity":\#(stock)}"#)
        guard listed.status == 201, stocked.status == 200 else {
            throw Failure("no product: \(stocked.text)")
        }
        try await eventually("orders knows \(sku)", within: .seconds(30)) {
            try await shop.books.number(
                "SELECT count(*) FROM orders.product WHERE sku = '\(sku)' AND available > 0")
                == 1
        }
    }

    /// An order that payments' database refuses; its key.
    fileprivate func orderOdd() async throws -> String {
        let key = "odd-\(freshWord())"
        let answer = try await call(
            "POST", port: shop.port(.orders), "/v1/orders",
            headers: ["Content-Type": "application/json", "Idempotency-Key": key],
            body: #"{"customerId":"odd","lines":[{"sku":"odd","quantity":1}],"paymentToken":"tok_ok"}"#)
        guard answer.status == 202 else { throw Failure("the order was not taken: \(answer.text)") }
        return key
    }

    /// A build that doesn't fit its database stops, rather than set everything aside.
    fileprivate func expectStopWithoutTable() async throws {
        let before = try await letters()
        try await shop.books.run("ALTER TABLE payments.payment RENAME TO elsewhere")
        _ = try await orderThing()
        let code = try await shop.ended(Instance(.payments), within: .seconds(30))
        report.expect(code == 70, "payments ended with \(code) without its table, not with 70")
        report.expect(try await letters() == before, "payments set records aside for a missing table")
        try await shop.books.run("ALTER TABLE payments.elsewhere RENAME TO payment")
        try await shop.start(.payments)
    }

    private func orderThing() async throws -> WebAnswer {
        try await call(
            "POST", port: shop.port(.orders), "/v1/orders",
            headers: ["Content-Type": "application/json", "Idempotency-Key": freshWord()],
            body: #"{"customerId":"odd","lines":[{"sku":"thing-1","quantity":1}],"paymentToken":"tok_ok"}"#)
    }
}
