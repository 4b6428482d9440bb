/// Any JSON, read only to find the field behind a decoder's complaint that names none.
struct JSONTree: Decodable {
    /// What not every decoder could take.
    struct Odd {
        let path: [any CodingKey]
        let complaint: String
    }

    /// The first few values that are no whole number of 64 bits, or no text; in the order of their names.
    let odd: [Odd]

    private static let oddMax = 3

    init(from decoder: any Decoder) throws {
        var odd: [Odd] = []
        if let object = try? decoder.container(keyedBy: Key.self) {
            for key in object.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
                guard odd.count < Self.oddMax else { break }
                odd += try object.decode(JSONTree.self, forKey: key).odd
            }
        } else if var list = try? decoder.unkeyedContainer() {
            while odd.count < Self.oddMax, !list.isAtEnd { odd += try list.decode(JSONTree.self).odd }
        } else if let complaint = Self.complaint(about: try decoder.singleValueContainer()) {
            odd = [Odd(path: decoder.codingPath, complaint: complaint)]
        }
        self.odd = Array(odd.prefix(Self.oddMax))
    }

    private static func complaint(about value: any SingleValueDecodingContainer) -> String? {
        do {
            _ = try value.decode(Int64.self)
            return nil
        } catch DecodingError.typeMismatch, DecodingError.valueNotFound {
            // No number.
        } catch {
            return "must be a whole number of a reasonable size"
        }
        do {
            _ = try value.decode(String.self)
            return nil
        } catch DecodingError.typeMismatch, DecodingError.valueNotFound {
            return nil
        } catch {
            return "must be text of valid Unicode"
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
