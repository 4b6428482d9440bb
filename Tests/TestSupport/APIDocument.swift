import Foundation
package import HTTP

/// A service's OpenAPI document, as far as tests hold the service to it.
package struct APIDocument: Sendable {
    /// What may be answered with one status.
    fileprivate struct Answer: Sendable {
        var types: Set<String> = []
        /// By lower-cased name: whether it must be there.
        var headers: [String: Bool] = [:]
    }

    fileprivate struct Operation: Sendable {
        let method: String
        let path: String
        var answers: [Int: Answer] = [:]
    }

    package struct NotADocument: Error {}

    private let json: [UInt8]
    private let found: [Operation]

    /// - Throws: where it is no JSON, or has no paths; what else it must be is the validator's to say (`Tests/Fuzz`).
    package init(_ json: [UInt8]) throws {
        self.json = json
        let document = try JSONDocument(json)
        guard let paths = document.root["paths"] as? [String: [String: Any]] else { throw NotADocument() }
        found = paths.flatMap { path, methods in
            methods.compactMap { method, value in
                (value as? [String: Any]).map { Operation(method.uppercased(), path, $0, in: document) }
            }
        }
    }

    /// What it describes, such as `GET /v1/orders/{id}`.
    package var operations: Set<String> { Set(found.map { "\($0.method) \($0.path)" }) }

    /// The whole number at a place in it, such as `components/schemas/Order/properties/lines/maxItems`.
    package func number(_ place: String) throws -> Int64? {
        (try JSONDocument(json).value(at: place) as? NSNumber)?.int64Value
    }

    /// What an answer has that the document does not say, and lacks that it promises; empty where they agree.
    package func complaints(about request: HTTPRequest, _ response: HTTPResponse) -> [String] {
        let name = "\(request.method.name) \(request.path) → \(response.status)"
        let type = response.headers["Content-Type"]
        let there = found.filter { Self.matches($0.path, request.path) }
        guard let operation = there.first(where: { $0.method == request.method.name }) else {
            let status = there.isEmpty ? 404 : 405
            return response.status == status && type == "application/problem+json"
                ? [] : ["\(name): should be a problem of \(status)"]
        }
        guard let answer = operation.answers[response.status] else {
            return ["\(name): this status is not declared"]
        }
        var complaints: [String] = []
        if !answer.types.contains(type ?? "") {
            complaints.append("\(name): \(type ?? "no type") is not declared")
        }
        let sent = Set(response.headers.fields.map { $0.name.lowercased() }).subtracting(["content-type"])
        for header in sent.subtracting(answer.headers.keys) {
            complaints.append("\(name): the header \(header) is not declared")
        }
        for (header, isRequired) in answer.headers where isRequired && !sent.contains(header) {
            complaints.append("\(name): the header \(header) is missing")
        }
        return complaints
    }

    private static func matches(_ template: String, _ path: String) -> Bool {
        let parts = template.split(separator: "/", omittingEmptySubsequences: false)
        let words = path.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == words.count
            && zip(parts, words).allSatisfy { $0 == $1 || ($0.hasPrefix("{") && !$1.isEmpty) }
    }
}

extension APIDocument.Operation {
    fileprivate init(_ method: String, _ path: String, _ value: [String: Any], in document: JSONDocument) {
        self.init(method: method, path: path)
        for (status, reference) in value["responses"] as? [String: Any] ?? [:] {
            guard let status = Int(status) else { continue }
            let response = document.object(reference)
            var answer = APIDocument.Answer()
            answer.types = Set((response["content"] as? [String: Any] ?? ["": 0]).keys)
            for (name, reference) in response["headers"] as? [String: Any] ?? [:] {
                let header = document.object(reference)
                answer.headers[name.lowercased()] = header["required"] as? Bool ?? false
            }
            answers[status] = answer
        }
    }
}

extension [Route] {
    /// What they answer, in the words of `APIDocument.operations`.
    package var operations: Set<String> { Set(map { "\($0.method.name) \($0.pattern)" }) }
}
