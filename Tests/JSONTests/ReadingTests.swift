import Contracts
import Foundation
import Kernel
import TestSupport
import Testing

@testable import JSON

/// The way of its own has to take no more than Foundation takes, and to read the same in it.
@Suite("Reading JSON", .timeLimit(.minutes(2)))
struct ReadingTests {
    private static let document = Array(
        """
        {"orderId":"01890a5d-ac96-774b-bcce-b302099a8057","name":"Grüße, 東京 🫖","email":null,"paid":true,
         "lines":[{"sku":"tea","quantity":2,"unitPrice":{"amount":-790,"currency":"EUR"}},{},[],[0,[false]]]}
        """.utf8)

    /// Asserts that what is taken by the own way is the same to Foundation, and returns whether it is taken.
    private func isPlain<Value: Decodable & Equatable>(
        _ bytes: [UInt8], as type: Value.Type = AnyJSON.self, _ what: @autoclosure () -> String = ""
    ) -> Bool {
        guard let value = try? JSONCoder.decodePlain(type, from: bytes) else { return false }
        let reference = try? JSONDecoder().decode(type, from: Data(bytes))
        #expect(reference == value, "\(what()) \(String(decoding: bytes, as: UTF8.self))")
        return true
    }

    @Test func `an ordinary document is plain`() {
        #expect(isPlain(Self.document))
    }

    @Test(arguments: Topic.all.map(\.name).filter { !$0.hasSuffix(".deadLetters") })
    func `every released event is plain`(name: String) throws {
        #expect(isPlain(try MutatedRecords.golden(name)))
    }

    @Test(arguments: [
        "{}", "[]", " [ ] ", "\t{\r\n}\n", "0", "-1", "\"\"", "\"/\"", "null", "true", "[true,false,null]",
        "9223372036854775807", "-9223372036854775808", "{\"a\":{\"b\":[[],{}]}}",
        "\"\u{7F}\u{FFFF}\u{2028}\"",
        "[-0]",
    ])
    func `a small document is plain`(text: String) {
        #expect(isPlain(Array(text.utf8)))
    }

    @Test(arguments: [
        "[1,]", "{\"a\":1,}", "\u{FEFF}{}", #""\n""#, #""\u0041""#, #"{"\u0061":1}"#, "1.0", "1e2",
        "9223372036854775808", "-9223372036854775809",
        "{\"\u{212A}\":1}", "{\"e\u{301}\":1}", #"{"a":1,"a":2}"#,
        String(repeating: "[", count: 40) + String(repeating: "]", count: 40),
    ])
    func `what is unusual is Foundation's`(text: String) {
        let bytes = Array(text.utf8)
        #expect(!isPlain(bytes))
        let reference = try? JSONDecoder().decode(AnyJSON.self, from: Data(bytes))
        #expect((try? JSONCoder.decode(AnyJSON.self, from: bytes)) == reference)
    }

    @Test(arguments: [
        "", " ", "{", "}", "[", "[1", "[1,", "[,1]", "{\"a\"}", "{\"a\":}", "{a:1}",
        "{\"a\" 1}", "[1 2]", "01", "-", "-01", "+1", "1 1", "{}{}", "[}", "{]", "tru", "truex", "nul",
        "NULL", "\"",
        "\"a", "\"\u{1}\"", "\"\n\"", "'a'", "[1]\u{0}", "\u{0}", "/**/1", "{1:1}", "[\"a\":1]",
    ])
    func `what is no JSON is refused`(text: String) {
        #expect(throws: DecodingError.self) { try JSONCoder.decode(AnyJSON.self, from: Array(text.utf8)) }
    }

    @Test(
        arguments: [
            [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
        ] as [[UInt8]])
    func `what is no UTF-8 is refused`(bytes: [UInt8]) {
        for quoted in [[0x22] + bytes + [0x22], [0x5B, 0x22] + bytes + [0x22, 0x5D]] {
            #expect(throws: DecodingError.self) { try JSONCoder.decode(AnyJSON.self, from: quoted) }
        }
    }

    @Test func `changed bytes are read as Foundation reads them, or left to it`() throws {
        var generator = SeededGenerator(seed: 7)
        var plain = 0
        for index in 0..<20_000 {
            let bytes = Mutation.bytes(Self.document, using: &generator)
            if isPlain(bytes, "case \(index)") { plain += 1 }
        }
        #expect((1000...19_000).contains(plain))
    }

    @Test func `changed values are read as Foundation reads them, or left to it`() throws {
        var generator = SeededGenerator(seed: 8)
        var plain = 0
        for index in 0..<5000 {
            let bytes = try Mutation.json(Self.document, using: &generator)
            if isPlain(bytes, "case \(index)") { plain += 1 }
        }
        #expect((500...4500).contains(plain))
    }

    @Test func `so are identifiers and money, which have a way of their own`() throws {
        let document = try MutatedRecords.golden("orders.created")
        var generator = SeededGenerator(seed: 10)
        var plain = 0
        for index in 0..<10_000 {
            let bytes =
                index.isMultiple(of: 2)
                ? Mutation.bytes(document, using: &generator)
                : try Mutation.json(document, using: &generator)
            if isPlain(bytes, as: OrderCreated.self, "case \(index)") { plain += 1 }
        }
        #expect((100...9000).contains(plain))
    }

    @Test(arguments: [
        #"{"amount":1,"currency":"EUR"}"#, #"{"currency":"JPY","else":[{}],"amount":-1}"#,
        #"{"amount":1,"currency":"eur"}"#, #"{"amount":1}"#, #"{"currency":"EUR"}"#, #"[1,"EUR"]"#,
        #"{"amount":"1","currency":"EUR"}"#, #"{"amount":1,"amount":2,"currency":"EUR"}"#,
        #"{"amount":null,"currency":"EUR"}"#, #"{"amount":1,"currency":null}"#, #"{"amount":1,"currency":7}"#,
    ])
    func `money is read or refused as by Foundation`(text: String) {
        let bytes = Array(text.utf8)
        let reference = try? JSONDecoder().decode(Money.self, from: Data(bytes))
        #expect((try? JSONCoder.decode(Money.self, from: bytes)) == reference)
        _ = isPlain(bytes, as: Money.self)
    }

    private struct Thing: Decodable, Equatable {
        let small: UInt8
        let name: String?
        let half: Double?
    }

    @Test func `numbers are what their type holds`() throws {
        let thing = try JSONCoder.decodePlain(Thing.self, from: Array(#"{"small":255,"name":null}"#.utf8))
        #expect(thing == Thing(small: 255, name: nil, half: nil))
        let half = try JSONCoder.decode(Thing.self, from: Array(#"{"small":0,"half":0.5}"#.utf8))
        #expect(half == Thing(small: 0, name: nil, half: 0.5))
        #expect(throws: DecodingError.self) {
            try JSONCoder.decode(Thing.self, from: Array(#"{"small":256}"#.utf8))
        }
    }

    @Test func `a complaint names the field, as Foundation's does`() throws {
        let error = #expect(throws: DecodingError.self) {
            try JSONCoder.decode([Thing].self, from: Array(#"[{"small":1},{"small":"1"}]"#.utf8))
        }
        guard case .typeMismatch(_, let context) = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(context.codingPath.map(\.stringValue).last == "small")
        #expect(context.codingPath.count == 2)
    }

    private struct Nested: Decodable, Equatable {
        let numbers: [Int]

        private enum Key: String, CodingKey { case inner, list }

        init(from decoder: any Decoder) throws {
            let inner = try decoder.container(keyedBy: Key.self).nestedContainer(
                keyedBy: Key.self, forKey: .inner)
            var list = try inner.nestedUnkeyedContainer(forKey: .list)
            var numbers: [Int] = []
            while !list.isAtEnd {
                if try list.decodeNil() { continue }
                var pair = try list.nestedUnkeyedContainer()
                while !pair.isAtEnd { numbers.append(try pair.decode(Int.self)) }
            }
            self.numbers = numbers
        }
    }

    @Test func `containers in containers are read`() throws {
        let bytes = Array(#"{"inner":{"list":[[1,2],null,[3]]}}"#.utf8)
        #expect(try JSONCoder.decodePlain(Nested.self, from: bytes).numbers == [1, 2, 3])
    }
}
