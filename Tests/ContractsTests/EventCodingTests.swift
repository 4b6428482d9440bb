import Contracts
import Kernel
import Testing

@Suite("Reading events")
struct EventCodingTests {
    func failure<E: Event>(_ type: E.Type, _ value: String) -> ContractError? {
        do {
            _ = try EventCoding.decode(type, from: Array(value.utf8))
            return nil
        } catch {
            return error
        }
    }

    let id = GoldenTests.orderId.description

    @Test func `an empty value is no event`() {
        #expect(failure(StockReleased.self, "") == .empty)
    }

    @Test func `256 kB are read and one byte more is not`() {
        let event = #"{"orderId":"\#(id)"}"#
        let room = String(repeating: " ", count: EventCoding.bytesMax - event.utf8.count)
        #expect(failure(StockReleased.self, event + room) == nil)
        #expect(failure(StockReleased.self, event + room + " ") == .tooLarge(bytes: 262_145))
    }

    @Test(arguments: [
        ("nonsense", "the event is not valid JSON"),
        ("[]", "the event is not of type"),
        ("{}", "orderId is missing"),
        (#"{"orderId":null}"#, "orderId is null"),
        (#"{"orderId":7}"#, "orderId is not of type String"),
        (#"{"orderId":"x"}"#, "orderId is not a UUID"),
    ])
    func `the message names the field`(value: String, message: String) {
        let found = failure(StockReleased.self, value)
        #expect(
            found?.description.hasPrefix("the value is not this event: \(message)") == true, "\(found as Any)"
        )
    }

    func created(line: String) -> String {
        """
        {"orderId":"\(id)","customerId":"c","lines":[\(line)],"total":{"amount":1,"currency":"EUR"},"paymentToken":"t"}
        """
    }

    @Test(arguments: [
        (#"{"quantity":1,"unitPrice":{"amount":1,"currency":"EUR"}}"#, "lines.0.sku is missing"),
        (
            #"{"sku":"a","quantity":"1","unitPrice":{"amount":1,"currency":"EUR"}}"#,
            "lines.0.quantity is not of type"
        ),
        (
            #"{"sku":"a","quantity":1,"unitPrice":{"amount":1,"currency":"euro"}}"#,
            "lines.0.unitPrice.currency is not an ISO 4217 code"
        ),
        (
            #"{"sku":"a","quantity":41111111111111111111,"unitPrice":{"amount":1,"currency":"EUR"}}"#,
            "the event is not valid JSON, or a number doesn't fit"
        ),
    ])
    func `the path leads into lists`(line: String, message: String) {
        let found = failure(OrderCreated.self, created(line: line))
        #expect(
            found?.description.hasPrefix("the value is not this event: \(message)") == true, "\(found as Any)"
        )
    }

    @Test func `an unknown word of a closed set is refused`() {
        let found = failure(OrderCancelling.self, #"{"orderId":"\#(id)","reason":"mood"}"#)
        #expect(found == .undecodable("reason has no valid value"))
    }

    @Test func `the message never repeats the data`() {
        let values = [
            #"{"orderId":"\#(id)","reason":"secret"}"#, #"{"orderId":"secret","reason":"customer"}"#,
            #"secret"#, #"{"orderId":secret}"#,
        ]
        for value in values {
            let found = failure(OrderCancelling.self, value)
            #expect(found != nil)
            #expect(found?.description.contains("secret") == false, "\(found as Any)")
        }
    }
}
