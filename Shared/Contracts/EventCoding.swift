import JSON

/// How the data of an event becomes bytes and back: JSON, one object, unknown fields ignored.
package enum EventCoding {
    /// The largest value accepted, in bytes; an order of 100 lines has about 12,000.
    package static let bytesMax = 262_144

    /// The JSON of an event.
    ///
    /// - Throws: only for a value JSON can't hold, which no event of ours has.
    package static func encode(_ event: some Encodable) throws -> [UInt8] {
        try JSONCoder.encode(event)
    }

    /// The event in a record's value, if it can be right.
    ///
    /// - Throws: `ContractError`, which sends the record to the dead letters.
    package static func decode<E: Event>(_ type: E.Type, from value: [UInt8]) throws(ContractError) -> E {
        guard !value.isEmpty else { throw .empty }
        guard value.count <= bytesMax else { throw .tooLarge(bytes: value.count) }
        let event: E
        do {
            event = try JSONCoder.decode(type, from: value)
        } catch let error as DecodingError {
            throw .undecodable(error.summary)
        } catch {
            throw .undecodable("\(error)")
        }
        try event.validate()
        return event
    }
}

extension DecodingError {
    /// The path and the complaint, `lines.0.sku is missing`, without any of the data, which may be a customer's.
    package var summary: String {
        switch self {
        case .keyNotFound(let key, let context): "\(Self.path(context.codingPath + [key])) is missing"
        case .typeMismatch(let type, let context): "\(Self.path(context.codingPath)) is not of type \(type)"
        case .valueNotFound(_, let context): "\(Self.path(context.codingPath)) is null"
        case .dataCorrupted(let context): "\(Self.path(context.codingPath)) \(Self.complaint(context))"
        @unknown default: "it can't be decoded"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        guard !keys.isEmpty else { return "the event" }
        return keys.map { key in key.intValue.map { String($0) } ?? key.stringValue }.joined(separator: ".")
    }

    /// Foundation's own words may quote the value; those of our types begin like this and never do.
    private static func complaint(_ context: Context) -> String {
        if context.debugDescription.hasPrefix("not a") { return "is \(context.debugDescription)" }
        // Of a number that is not an Int64 Foundation doesn't say where it stands.
        return context.codingPath.isEmpty
            ? "is not valid JSON, or a number doesn't fit" : "has no valid value"
    }
}
