import Foundation

/// A JSON document whose parts refer to each other, as those of OpenAPI and AsyncAPI do.
package struct JSONDocument {
    package struct NotAnObject: Error {}

    package let root: [String: Any]

    /// - Throws: where it is no JSON, or no object.
    package init(_ json: [UInt8]) throws {
        guard let root = try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any] else {
            throw NotAnObject()
        }
        self.root = root
    }

    /// What stands at a place such as `components/schemas/Order`, if anything does.
    package func value(at place: some StringProtocol) -> Any? {
        place.split(separator: "/").reduce(root as Any?) { ($0 as? [String: Any])?[String($1)] }
    }

    /// The object, or the one that its `$ref` stands for; empty where it is none.
    package func object(_ part: Any?) -> [String: Any] {
        let part = part as? [String: Any] ?? [:]
        guard let reference = part["$ref"] as? String else { return part }
        return object(value(at: reference.dropFirst(2)))
    }
}
