/// Any JSON, read only to find the field behind a decoder's complaint that names none.
struct JSONTree: Decodable {
    /// The path to the first number that is no whole number or doesn't fit 64 bits.
    let oddNumber: [any CodingKey]?

    init(from decoder: any Decoder) throws {
        if let object = try? decoder.container(keyedBy: Key.self) {
            oddNumber = try object.allKeys.sorted { $0.stringValue < $1.stringValue }
                .compactMap { try object.decode(JSONTree.self, forKey: $0).oddNumber }.first
        } else if var list = try? decoder.unkeyedContainer() {
            var found: [any CodingKey]?
            while found == nil, !list.isAtEnd { found = try list.decode(JSONTree.self).oddNumber }
            oddNumber = found
        } else {
            let number = try? decoder.singleValueContainer().decode(Double.self)
            let isOdd = number.map { Int64(exactly: $0) == nil } ?? false
            oddNumber = isOdd ? decoder.codingPath : nil
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
