import Foundation
import Kernel
import TestSupport
import Testing

@testable import JSON

@Suite("Writing JSON", .timeLimit(.minutes(2)))
struct WritingTests {
    private func text(_ value: some Encodable) throws -> String {
        String(decoding: try JSONCoder.encode(value), as: UTF8.self)
    }

    private struct Line: Encodable {
        let sku: String
        let quantity: Int64
        let price: [String: Int]?
    }

    private struct Order: Encodable {
        let paid: Bool
        let id: Int32
        let lines: [Line]
        let nothing: [Int]
        let half: Double
    }

    @Test func `members stand as they are declared, and none that is nil`() throws {
        let order = Order(
            paid: true, id: -1,
            lines: [
                Line(sku: "tea", quantity: 2, price: nil),
                Line(sku: "mug", quantity: 0, price: ["amount": 7]),
            ],
            nothing: [], half: 0.5)
        #expect(
            try text(order)
                == #"{"paid":true,"id":-1,"lines":[{"sku":"tea","quantity":2},"#
                + #"{"sku":"mug","quantity":0,"price":{"amount":7}}],"nothing":[],"half":0.5}"#)
    }

    @Test(arguments: [.min, -1, 0, 790, .max] as [Int64])
    func `money and identifiers are what they say of themselves`(amount: Int64) throws {
        let price = Money(amount: amount, currency: .eur)
        let id = Identifier(high: UInt64(bitPattern: amount), low: 7)
        #expect(try text(price) == #"{"amount":\#(amount),"currency":"EUR"}"#)
        #expect(try text([price, price]) == "[\(try text(price)),\(try text(price))]")
        #expect(try text(["id": id]) == #"{"id":"\#(id)"}"#)
        let data = Data(try JSONCoder.encode(price))
        #expect(try JSONDecoder().decode(Money.self, from: data) == price)
    }

    private struct Nothing: Encodable {
        func encode(to encoder: any Encoder) {}
    }

    @Test func `a value that says nothing of itself is an object`() throws {
        #expect(try text(Nothing()) == "{}")
        #expect(try text([Nothing(), Nothing()]) == "[{},{}]")
        #expect(try text([String: Int]()) == "{}")
        #expect(try text([Int?.none, 1]) == "[null,1]")
    }

    @Test func `a single value is a document`() throws {
        #expect(try text("a/b") == #""a/b""#)
        #expect(try text(UInt64.max) == "18446744073709551615")
        #expect(try text(Int64.min) == "-9223372036854775808")
        #expect(try text(Float(0.25)) == "0.25")
        #expect(try text(false) == "false")
        #expect(try text(Int?.none) == "null")
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func `what is no number is no JSON`(value: Double) {
        #expect(throws: EncodingError.self) { try JSONCoder.encode([value]) }
    }

    private struct Containers: Encodable {
        private enum Key: String, CodingKey { case first, list, last }

        func encode(to encoder: any Encoder) throws {
            var object = encoder.container(keyedBy: Key.self)
            var first = object.nestedContainer(keyedBy: Key.self, forKey: .first)
            try first.encode(1, forKey: .first)
            try first.encodeNil(forKey: .last)
            var list = object.nestedUnkeyedContainer(forKey: .list)
            var inner = list.nestedUnkeyedContainer()
            try inner.encode("a")
            try inner.encodeNil()
            var keyed = list.nestedContainer(keyedBy: Key.self)
            try keyed.encode(true, forKey: .last)
            #expect(list.count == 2)
            try 7.encode(to: list.superEncoder())
            try 8.encode(to: object.superEncoder())
            try 9.encode(to: object.superEncoder(forKey: .last))
        }
    }

    @Test func `containers end where their parent goes on`() throws {
        #expect(
            try text(["x": [Containers()]])
                == #"{"x":[{"first":{"first":1,"last":null},"list":[["a",null],{"last":true},7],"super":8,"last":9}]}"#
        )
    }

    private struct Failing: Encodable {
        struct Reason: Error {}

        func encode(to encoder: any Encoder) throws { throw Reason() }
    }

    @Test func `what a value throws is thrown`() {
        #expect(throws: Failing.Reason.self) { try JSONCoder.encode([Failing()]) }
    }

    @Test func `Foundation reads what was written`() throws {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<3000 {
            let value = Self.any(depth: 4, using: &generator)
            let bytes = try JSONCoder.encode(value)
            #expect(try JSONDecoder().decode(AnyJSON.self, from: Data(bytes)) == value)
        }
    }

    private static func any(depth: Int, using generator: inout SeededGenerator) -> AnyJSON {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &generator))
        case 2: return .integer(Int64.random(in: .min ... .max, using: &generator))
        case 3: return .number(Double(Int.random(in: 1...9999, using: &generator)) + 0.25)
        case 4, 5: return .text(text(using: &generator))
        case 6:
            return .list(
                (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                    any(depth: depth - 1, using: &generator)
                })
        default:
            var object: [String: AnyJSON] = [:]
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                object[text(using: &generator)] = any(depth: depth - 1, using: &generator)
            }
            return .object(object)
        }
    }

    private static func text(using generator: inout SeededGenerator) -> String {
        let scalars = (0..<Int.random(in: 0...6, using: &generator)).compactMap { _ in
            Unicode.Scalar(
                UInt32.random(in: 0...0x2FFF, using: &generator) >> Int.random(in: 0...8, using: &generator))
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
