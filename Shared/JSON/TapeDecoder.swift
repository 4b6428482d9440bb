import Kernel

/// Reads a value of a `JSONTape`.
///
/// Without a coding path: whoever asks for words asks Foundation.
struct TapeDecoder: Decoder, SingleValueDecodingContainer {
    let tape: JSONTape
    let place: Int

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    private func value(_ kind: JSONTape.Value.Kind) throws(NotPlain) -> JSONTape.Value {
        let value = tape.values[place]
        guard value.kind == kind else { throw NotPlain() }
        return value
    }

    func container<Key>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        _ = try value(.object)
        return KeyedDecodingContainer(Keyed(tape: tape, place: place))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        Unkeyed(tape: tape, next: place + 1, end: Int(try value(.array).next))
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }

    func decodeNil() -> Bool { tape.values[place].kind == .null }

    func decode(_ type: Bool.Type) throws -> Bool { try value(.bool).bytes.count == 4 }

    func decode(_ type: String.Type) throws -> String { tape.text(try value(.string)) }

    func decode<Number: FixedWidthInteger & Decodable>(_ type: Number.Type) throws -> Number {
        guard let number = tape.integer(try value(.integer)).flatMap(Number.init(exactly:)) else {
            throw NotPlain()
        }
        return number
    }

    func decode(_ type: Double.Type) throws -> Double { throw NotPlain() }

    func decode(_ type: Float.Type) throws -> Float { throw NotPlain() }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if Value.self == Identifier.self, let identifier = try identifier() as? Value { return identifier }
        if Value.self == Money.self, let money = try money() as? Value { return money }
        return try Value(from: self)
    }

    /// As its own `init(from:)` would, without the text of it.
    private func identifier() throws(NotPlain) -> Identifier {
        guard let identifier = tape.identifier(try value(.string)) else { throw NotPlain() }
        return identifier
    }

    /// As its own `init(from:)` would, without a container, which costs more than what is in it.
    private func money() throws -> Money {
        _ = try value(.object)
        guard let currency = Currency(try member("currency").decode(String.self)) else { throw NotPlain() }
        return Money(amount: try member("amount").decode(Int64.self), currency: currency)
    }

    /// Of an object.
    private func member(_ name: String) throws(NotPlain) -> TapeDecoder {
        let member = tape.member(name, of: place)
        // Of two of one name, readers take the one or the other.
        guard member.count == 1 else { throw NotPlain() }
        return TapeDecoder(tape: tape, place: member.place)
    }
}

extension TapeDecoder {
    private struct Keyed<Key: CodingKey>: KeyedDecodingContainerProtocol {
        let tape: JSONTape
        let place: Int

        var codingPath: [any CodingKey] { [] }

        var allKeys: [Key] {
            tape.keys(of: place).compactMap { Key(stringValue: tape.text(tape.values[$0])) }
        }

        private func value(_ key: Key) throws(NotPlain) -> TapeDecoder {
            try TapeDecoder(tape: tape, place: place).member(key.stringValue)
        }

        func contains(_ key: Key) -> Bool { tape.member(key.stringValue, of: place).count > 0 }

        func decodeNil(forKey key: Key) throws -> Bool { try value(key).decodeNil() }

        // The commonest two without the detour by their `init(from:)`.
        func decode(_ type: String.Type, forKey key: Key) throws -> String { try value(key).decode(type) }
        func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try value(key).decode(type) }

        func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
            try value(key).decode(type)
        }

        func nestedContainer<Inner>(
            keyedBy type: Inner.Type, forKey key: Key
        ) throws -> KeyedDecodingContainer<Inner> {
            try value(key).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
            try value(key).unkeyedContainer()
        }

        func superDecoder() throws -> any Decoder { throw NotPlain() }

        func superDecoder(forKey key: Key) throws -> any Decoder { throw NotPlain() }
    }

    private struct Unkeyed: UnkeyedDecodingContainer {
        let tape: JSONTape
        var next: Int
        let end: Int
        private(set) var currentIndex = 0

        init(tape: JSONTape, next: Int, end: Int) {
            self.tape = tape
            self.next = next
            self.end = end
        }

        var codingPath: [any CodingKey] { [] }
        var count: Int? { nil }
        var isAtEnd: Bool { next >= end }

        private mutating func take() throws(NotPlain) -> TapeDecoder {
            guard !isAtEnd else { throw NotPlain() }
            defer {
                next = Int(tape.values[next].next)
                currentIndex += 1
            }
            return TapeDecoder(tape: tape, place: next)
        }

        mutating func decodeNil() throws -> Bool {
            guard !isAtEnd, tape.values[next].kind == .null else { return false }
            _ = try take()
            return true
        }

        mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try take().decode(type) }

        mutating func nestedContainer<Inner>(
            keyedBy type: Inner.Type
        ) throws -> KeyedDecodingContainer<Inner> {
            try take().container(keyedBy: type)
        }

        mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
            try take().unkeyedContainer()
        }

        mutating func superDecoder() throws -> any Decoder { throw NotPlain() }
    }
}
