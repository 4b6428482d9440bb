import Contracts
import Kernel
import Testing

extension CloudEvent {
    /// As a consumer reads it.
    init(headers: [(name: String, value: [UInt8])]) throws(ContractError) {
        try self.init { name in headers.last { $0.name == name }?.value[...] }
    }
}

@Suite("CloudEvents headers")
struct CloudEventTests {
    static let full = CloudEvent(
        id: Identifier(high: 1, low: 2), type: "orders.created",
        time: Timestamp(unixMilliseconds: 1_732_190_401_102),
        subject: "subject", correlationID: Identifier(high: 3, low: 4),
        causationID: Identifier(high: 5, low: 6),
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", version: 7)

    func bytes(_ headers: [(name: String, value: String)]) -> [(name: String, value: [UInt8])] {
        headers.map { ($0.name, Array($0.value.utf8)) }
    }

    @Test func `they are those of the Kafka binding in binary mode`() {
        let text = Self.full.headers.map { "\($0.name): \($0.value)" }
        #expect(
            text == [
                "ce_specversion: 1.0", "ce_id: 00000000-0000-0001-0000-000000000002",
                "ce_source: /shop/orders",
                "ce_type: orders.created", "ce_time: 2024-11-21T12:00:01.102Z", "ce_subject: subject",
                "ce_version: 7", "content-type: application/json",
                "ce_correlationid: 00000000-0000-0003-0000-000000000004",
                "ce_causationid: 00000000-0000-0005-0000-000000000006",
                "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ])
    }

    @Test func `they come back as they went, with and without what is optional`() throws {
        #expect(try CloudEvent(headers: bytes(Self.full.headers)) == Self.full)
        var bare = Self.full
        (bare.correlationID, bare.causationID, bare.traceparent) = (nil, nil, nil)
        #expect(bare.headers.count == 8)
        #expect(try CloudEvent(headers: bytes(bare.headers)) == bare)
    }

    @Test func `headers of others are ignored`() throws {
        let more = bytes([("x-other", "1"), ("ce_later", "2")] + Self.full.headers)
        #expect(try CloudEvent(headers: more) == Self.full)
    }

    @Test(arguments: ["ce_specversion", "ce_id", "ce_type", "ce_time"])
    func `a record without its attributes is no event of ours`(name: String) {
        #expect(throws: ContractError.missingHeader(name)) {
            try CloudEvent(headers: bytes(Self.full.headers.filter { $0.name != name }))
        }
    }

    @Test(arguments: [
        "", "x", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\n",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", String(repeating: "0", count: 990_000),
    ])
    func `a trace context of no valid form is not passed on`(trace: String) throws {
        var headers = Self.full.headers
        headers[headers.count - 1].value = trace
        #expect(try CloudEvent(headers: bytes(headers)).traceparent == nil)
    }

    @Test func `a subject that is no key of ours is no attribute`() {
        for subject in [String(repeating: "x", count: 101), "a\nb"] {
            #expect(throws: ContractError.badHeader("ce_subject")) {
                try CloudEvent(
                    headers: bytes(
                        Self.full.headers.filter { $0.name != "ce_subject" } + [("ce_subject", subject)]))
            }
        }
    }

    @Test(arguments: ["\u{1}", "e\u{301}", "\u{301}"])
    func `an unknown type is quoted no further than needed`(piece: String) {
        let type = String(repeating: piece, count: 85_000)
        let words = ContractError.unknownType(type, topic: "orders.created").description
        #expect(words.utf8.count < 300)
        #expect(words.hasSuffix("are not known on orders.created"))
    }

    @Test(arguments: [("ce_specversion", "0.3"), ("ce_id", "7"), ("ce_time", "now"), ("ce_version", "x")])
    func `an attribute that can't be read is named`(name: String, value: String) {
        #expect(throws: ContractError.badHeader(name)) {
            try CloudEvent(headers: bytes(Self.full.headers.filter { $0.name != name } + [(name, value)]))
        }
    }
}
