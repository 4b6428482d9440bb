import Kernel

/// Writes a value straight to the bytes, with no tree between.
struct ByteEncoder: Encoder, SingleValueEncodingContainer {
    let writer: JSONWriter

    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(
            Keyed(writer: writer, depth: writer.begin(UInt8(ascii: "{"), until: UInt8(ascii: "}"))))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        Unkeyed(writer: writer, depth: writer.begin(UInt8(ascii: "["), until: UInt8(ascii: "]")))
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    func encodeNil() { writer.append(literal: "null") }

    func encode(_ value: Bool) { writer.append(literal: value ? "true" : "false") }

    func encode(_ value: String) { writer.append(string: value) }

    func encode<Number: FixedWidthInteger & Encodable>(_ value: Number) {
        writer.append(literal: String(value))
    }

    func encode<Number: BinaryFloatingPoint & Encodable>(_ value: Number) throws {
        guard value.isFinite else {
            throw EncodingError.invalidValue(
                value, .init(codingPath: [], debugDescription: "JSON has no such number"))
        }
        writer.append(literal: "\(value)")
    }

    func encode<Value: Encodable>(_ value: Value) throws {
        if Value.self == Identifier.self, let identifier = value as? Identifier {
            return writer.append(string: identifier.description)
        }
        if Value.self == Money.self, let money = value as? Money { return writer.append(money) }
        let (depth, count) = (writer.depth, writer.bytes.count)
        try value.encode(to: self)
        writer.end(to: depth)
        // A value with nothing to say of itself is an object all the same.
        if writer.bytes.count == count { writer.append(literal: "{}") }
    }
}

extension ByteEncoder {
    private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
        let writer: JSONWriter
        let depth: Int

        var codingPath: [any CodingKey] { [] }

        private func member(_ name: String) -> ByteEncoder {
            writer.next(in: depth)
            writer.append(key: name)
            return ByteEncoder(writer: writer)
        }

        func encodeNil(forKey key: Key) { member(key.stringValue).encodeNil() }

        // The commonest two without the detour by their `encode(to:)`.
        func encode(_ value: String, forKey key: Key) { member(key.stringValue).encode(value) }
        func encode(_ value: Int64, forKey key: Key) { member(key.stringValue).encode(value) }

        func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
            try member(key.stringValue).encode(value)
        }

        func nestedContainer<Inner>(
            keyedBy type: Inner.Type, forKey key: Key
        ) -> KeyedEncodingContainer<Inner> {
            member(key.stringValue).container(keyedBy: type)
        }

        func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
            member(key.stringValue).unkeyedContainer()
        }

        func superEncoder() -> any Encoder { member("super") }

        func superEncoder(forKey key: Key) -> any Encoder { member(key.stringValue) }
    }

    private struct Unkeyed: UnkeyedEncodingContainer {
        let writer: JSONWriter
        let depth: Int
        private(set) var count = 0

        init(writer: JSONWriter, depth: Int) {
            self.writer = writer
            self.depth = depth
        }

        var codingPath: [any CodingKey] { [] }

        private mutating func element() -> ByteEncoder {
            writer.next(in: depth)
            count += 1
            return ByteEncoder(writer: writer)
        }

        mutating func encodeNil() { element().encodeNil() }

        mutating func encode<Value: Encodable>(_ value: Value) throws { try element().encode(value) }

        mutating func nestedContainer<Inner>(
            keyedBy type: Inner.Type
        ) -> KeyedEncodingContainer<Inner> {
            element().container(keyedBy: type)
        }

        mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
            element().unkeyedContainer()
        }

        mutating func superEncoder() -> any Encoder { element() }
    }
}
