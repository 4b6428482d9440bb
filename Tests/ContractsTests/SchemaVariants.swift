import Foundation
import TestSupport

/// Values made from one that is right, each changed in one place, and whether a JSON Schema has them.
///
/// For every bound there are values at it and just beyond it, and others where there is none: so the code
/// can be held to what the schema says and to what it leaves out. Of JSON Schema it knows what the contracts use.
struct SchemaVariants {
    struct Variant {
        /// Where it is changed, and to what.
        var name: String
        /// nil where it is left out.
        var value: Any?
        var isValid: Bool
    }

    private let document: JSONDocument
    private(set) var variants: [Variant] = []
    /// Where the schema has other fields or words than the code, or says what no variant can try.
    private(set) var complaints: [String] = []

    /// - Parameters:
    ///   - value: one that is right, as JSON has it.
    ///   - model: the same as Swift has it, which knows the fields that the value leaves out.
    init(of schema: Any?, in document: JSONDocument, value: Any, model: Any) {
        self.document = document
        variants = of(schema, value, model, "the event")
    }

    private mutating func of(_ schema: Any?, _ value: Any, _ model: Any, _ path: String) -> [Variant] {
        let schema = document.object(schema)
        let type = schema["type"] as? String ?? ""
        guard let keywords = Self.keywords[type] else {
            complaints.append("\(path): the type '\(type)'")
            return []
        }
        complaints += Set(schema.keys).subtracting(keywords).subtracting(["type", "description"]).sorted()
            .map { "\(path): nothing tries the keyword \($0)" }
        let other = Variant(
            name: "\(path) of another type", value: type == "string" ? 7 : "x", isValid: false)
        switch type {
        case "object": return object(schema, value, model, path) + [other]
        case "array": return array(schema, value, model, path) + [other]
        case "string": return string(schema, model, path) + [other]
        default: return integer(schema, path) + [other]
        }
    }

    private static let keywords: [String: Set<String>] = [
        "object": ["required", "properties"], "array": ["items", "minItems", "maxItems"],
        // Its encoding means nothing to who reads a text as it is.
        "string": ["minLength", "maxLength", "pattern", "format", "enum", "contentEncoding"],
        "integer": ["minimum", "maximum", "format"],
    ]

    private mutating func object(
        _ schema: [String: Any], _ value: Any, _ model: Any, _ path: String
    ) -> [Variant] {
        let value = value as? [String: Any] ?? [:]
        let required = schema["required"] as? [String] ?? []
        let properties = schema["properties"] as? [String: Any] ?? [:]
        let fields = Dictionary(
            Mirror(reflecting: model).children.map { ($0.label ?? "", $0.value) }, uniquingKeysWith: { $1 })
        complaints += differences(Set(properties.keys), Set(fields.keys)).map { "\(path): the field \($0)" }
        return properties.flatMap { name, schema in
            let field = "\(path).\(name)"
            let inside = of(schema, value[name] ?? "", fields[name] ?? "", field)
            let without = Variant(name: "\(field) left out", value: nil, isValid: !required.contains(name))
            return (inside + [without]).map { variant in
                var changed = value
                changed[name] = variant.value
                return Variant(name: variant.name, value: changed, isValid: variant.isValid)
            }
        }
    }

    private mutating func array(
        _ schema: [String: Any], _ value: Any, _ model: Any, _ path: String
    ) -> [Variant] {
        let value = value as? [Any] ?? []
        let first = value.first ?? ""
        let counts = Self.range(schema, "minItems", "maxItems")
        let firstModel = Mirror(reflecting: model).children.first?.value ?? ""
        let items = of(schema["items"], first, firstModel, "\(path)[0]").map { variant in
            Variant(
                name: variant.name, value: [variant.value ?? NSNull()] + value.dropFirst(),
                isValid: variant.isValid)
        }
        return items
            + Self.around(counts, and: [0, 1, 300]).filter { $0 >= 0 }.map { count in
                Variant(
                    name: "\(path) of \(count)", value: Array(repeating: first, count: Int(count)),
                    isValid: counts.contains(count))
            }
    }

    private mutating func integer(_ schema: [String: Any], _ path: String) -> [Variant] {
        var range = Self.range(schema, "minimum", "maximum")
        let format = schema["format"] as? String
        if format == "int32" { range = range.clamped(to: Int64(Int32.min)...Int64(Int32.max)) }
        if format == nil, schema["maximum"] == nil {
            complaints.append("\(path): neither a maximum nor a size")
        }
        return Self.around(range, and: [.min, -1, 0, 1, .max])
            .map { Variant(name: "\(path) = \($0)", value: $0, isValid: range.contains($0)) }
            + [
                Variant(name: "\(path) = 2^63", value: UInt64(1) << 63, isValid: false),
                Variant(name: "\(path) = 1.5", value: 1.5, isValid: false),
            ]
    }

    private mutating func string(_ schema: [String: Any], _ model: Any, _ path: String) -> [Variant] {
        let lengths = Self.range(schema, "minLength", "maxLength")
        let words = schema["enum"] as? [String]
        let format = schema["format"] as? String
        let pattern = (schema["pattern"] as? String).flatMap {
            try? Regex($0).matchingSemantics(.unicodeScalar)
        }
        if schema["pattern"] != nil && pattern == nil || !["uuid", "date-time", nil].contains(format) {
            complaints.append("\(path): nothing tries its pattern or format")
        }
        if let model = model as? any (CaseIterable & RawRepresentable<String>) {
            complaints += differences(Set(words ?? []), Self.words(of: model))
                .map { "\(path): the word \($0)" }
        }
        func isValid(_ text: String) -> Bool {
            guard lengths.contains(Int64(text.unicodeScalars.count)) else { return false }
            if let words, !words.contains(text) { return false }
            if let pattern, text.firstMatch(of: pattern) == nil { return false }
            return format != "uuid" || UUID(uuidString: text) != nil
        }
        let long = Self.around(lengths, and: [0, 300]).filter { $0 >= 0 }
            .map { String(repeating: "x", count: Int($0)) }
        return (Self.texts + long + (words ?? [])).map { text in
            let name = "\(path) = \(text.prefix(40).debugDescription)"
            return Variant(name: name, value: text, isValid: isValid(text))
        }
    }

    /// For each kind of text in the contracts some that are of it, and some that nearly are.
    private static let texts = [
        "größe 1/🫖", "e\u{301}bc", "a\u{0}bc", "a\u{1F}bc", "abc\n", "abc\u{7F}", "\u{85}abc", "\u{9F}abc",
        "a.B-_9", "a b", "JPY", "jpy", "EU", "EURO", "01890a5d-ac96-774b-bcce-b302099a8057",
        "01890a5dac96774bbcceb302099a8057", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00.123456789Z",
        "2026-11-22T10:00:00.1234567891Z", "2026-11-22T10:00:00.Z", "2026-11-22T10:00:00+00:00", "2026-11-22",
    ]

    private static func words<Words: CaseIterable & RawRepresentable<String>>(of _: Words) -> Set<String> {
        Set(Words.allCases.map(\.rawValue))
    }

    /// What two keywords allow; `Int64.min` or `Int64.max` where one of them is not there.
    private static func range(
        _ schema: [String: Any], _ lower: String, _ upper: String
    ) -> ClosedRange<Int64> {
        func bound(_ keyword: String) -> Int64? { (schema[keyword] as? NSNumber)?.int64Value }
        return (bound(lower) ?? .min)...(bound(upper) ?? .max)
    }

    /// The bounds, what lies next to them, and some numbers more.
    private static func around(_ range: ClosedRange<Int64>, and more: Set<Int64>) -> Set<Int64> {
        var numbers = more
        if range.lowerBound > .min { numbers.formUnion([range.lowerBound - 1, range.lowerBound]) }
        if range.upperBound < .max { numbers.formUnion([range.upperBound, range.upperBound + 1]) }
        return numbers
    }
}

/// What only one of the two has, each with the side it is on.
func differences(_ document: Set<String>, _ code: Set<String>) -> [String] {
    document.subtracting(code).sorted().map { "\($0) is in the document alone" }
        + code.subtracting(document).sorted().map { "\($0) is in the code alone" }
}
