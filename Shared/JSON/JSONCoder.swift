import FoundationEssentials

/// JSON for what is written and read thousands of times a second: events, requests and answers.
///
/// Foundation's coders are the reference, and cost four times as much: an order of three lines takes them 13 µs each
/// way, which was a third of what the services took of the processor (`deploy/micro encode-order-created`). So the
/// ordinary document has a way of its own, and all others go to Foundation, which also words every complaint. Types to
/// which Foundation's coders give a form of their own, such as `Data` and `Date`, have no place in our documents.
package enum JSONCoder {
    /// Compact, the members in the order in which the type encodes them.
    ///
    /// A container may be written to until its parent is.
    ///
    /// - Throws: `EncodingError` for a number that JSON hasn't, and what the value throws.
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = ByteEncoder(writer: JSONWriter())
        try encoder.encode(value)
        return encoder.writer.bytes
    }

    /// The value of a type that lets the errors of its decoder pass; one that looks at them, as `JSONTree` does, has to
    /// ask Foundation, whose errors they are.
    ///
    /// - Throws: what Foundation's `JSONDecoder` throws.
    package static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        if let value = try? decodePlain(type, from: bytes) { return value }
        return try JSONDecoder().decode(type, from: Data(bytes))
    }

    /// By the own way alone: whatever it takes, Foundation takes and reads the same in it.
    ///
    /// - Throws: for all else, for no reason to be told.
    static func decodePlain<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        try TapeDecoder(tape: JSONTape(bytes), place: 0).decode(type)
    }
}
