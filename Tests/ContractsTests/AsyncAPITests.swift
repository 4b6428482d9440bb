import Foundation
import Testing

@Suite("The AsyncAPI document")
struct AsyncAPITests {
    private let text: String

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        text = try String(contentsOf: root.appending(path: "Shared/Contracts/asyncapi.json"), encoding: .utf8)
    }

    @Test func `it says what the code does`() throws {
        let complaints = try AsyncAPIDocument(text).complaints()
        #expect(complaints.isEmpty, "\(complaints.joined(separator: "\n"))")
    }

    /// What stands there, what might stand there instead, and words of the complaint.
    static let wrong: [(String, String, String)] = [
        (#""address": "orders.created""#, #""address": "orders.made""#, "orders.made"),
        (#""partitions": 3"#, #""partitions": 12"#, "12 partitions"),
        (#""retention.ms": 604800000"#, #""retention.ms": 604800"#, "604800}"),
        (#"["compact"]"#, #"["delete"]"#, "inventory.stock: 3 partitions"),
        (##"{"allOf": [{"$ref": "#/components/schemas/SKU"}]}"##, #"{"type": "string"}"#, "key"),
        (#""action": "receive""#, #""action": "send""#, "receive"),
        (#""tags": [{"name": "sales"}]"#, #""tags": [{"name": "orders"}]"#, "sales"),
        (#""enum": ["payments"]"#, #""enum": ["orders"]"#, "group"),
        ("262144", "1000000", "262144"),
        (#""const": "orders.created""#, #""const": "orders.made""#, "the header"),
        (#""const": "/shop/sales""#, #""const": "/shop/orders""#, "/shop/sales"),
        (#""sales.deadLetters""#, #""sales.lost""#, "sales.deadLetters"),
        (#""const": "1.0""#, #""const": "0.3""#, "1.0"),
        (#""traceparent": {"#, #""tracestate": {"#, "traceparent"),
        (#""required": ["ce_correlationid"],"#, "", "ce_correlationid"),
        (
            #""required": ["sku", "quantity", "unitPrice"]"#, #""required": ["sku", "quantity"]"#,
            "unitPrice left out"
        ),
        (
            #"["orderId", "customerId", "total"]"#, #"["orderId", "customerId", "email", "total"]"#,
            "email left out"
        ),
        (#""email": {"#, #""mail": {"#, "mail is in the document alone"),
        (#""value": {"#, #""bytesOfIt": {"#, "value is in the code alone"),
        (#""maximum": 10000}"#, #""maximum": 9999}"#, "quantity = 10000: the code takes"),
        (#""maximum": 10000}"#, #""maximum": 10001}"#, "quantity = 10001: the code refuses"),
        (#", "maximum": 1000000000000"#, "", "version: neither a maximum nor a size"),
        (#""maximum": 1000000000000}"#, #""maximum": 1000000000001}"#, "version = 1000000000001"),
        (#""minimum": 0"#, #""minimum": -1"#, "available = -1: the code refuses"),
        (#""minimum": 0"#, #""minimum": 1"#, "available = 0: the code takes"),
        (#""format": "int32""#, #""format": "int64""#, "partition = 9223372036854775807: the code refuses"),
        (#""minItems": 1,"#, "", "lines of 0: the code refuses"),
        (#""maxItems": 100"#, #""maxItems": 99"#, "lines of 100: the code takes"),
        (#""items": {"type": "string"}"#, #""items": {"type": "string", "maxLength": 64}"#, "skus[0]"),
        (#""minLength": 3"#, #""minLength": 4"#, "email = \"JPY\": the code takes"),
        (#""maxLength": 254"#, #""maxLength": 255"#, "email = \"xxxx"),
        (#""maxLength": 200,"#, "", "name = \"xxxx"),
        (#", "pattern": "^[A-Za-z0-9._-]*$""#, "", "sku = \"a b\": the code refuses"),
        (#""^[A-Z]{3}$""#, #""^[A-Za-z]{3}$""#, "currency = \"jpy\": the code refuses"),
        (#"{1,9})?Z$""#, #"+)?Z$""#, "start = \"2026-11-22T10:00:00.1234567891Z\": the code refuses"),
        (#""format": "uuid","#, "", "orderId = \"JPY\": the code refuses"),
        (#""out_of_stock", "#, "", "out_of_stock is in the code alone"),
        (#""order_received", "#, #""order_seen", "#, "order_seen"),
        (#""contentEncoding": "base64""#, #""const": "abc""#, "nothing tries the keyword const"),
        (#""format": "uuid""#, #""format": "email""#, "nothing tries its pattern or format"),
        (#""amount": 4999"#, #""amount": 4998"#, "the example"),
    ]

    @Test(arguments: wrong.indices)
    func `what it should not say is found out`(index: Int) throws {
        let (right, wrong, words) = Self.wrong[index]
        let isThere = text.contains(right)
        try #require(isThere, "\(right) is not there")
        let complaints = try AsyncAPIDocument(text.replacing(right, with: wrong)).complaints()
        #expect(complaints.contains { $0.contains(words) }, "\(wrong): \(complaints)")
    }
}
