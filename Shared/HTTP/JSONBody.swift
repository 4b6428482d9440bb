import FoundationEssentials
import JSON
import Kernel

extension HTTPRequest {
    /// The body as a value.
    ///
    /// - Throws: `Problem`: 415 for another content type, 400 that names the field at fault. Let it pass.
    package func decode<Value: Decodable>(_ type: Value.Type) throws(Problem) -> Value {
        if let problem = contentTypeProblem { throw problem }
        do {
            return try JSONCoder.decode(type, from: body)
        } catch let error as DecodingError {
            throw Problem(decoding: error, body: body)
        } catch {
            throw .badRequest("The body is not a JSON object of the form this path takes.")
        }
    }

    /// Why the body can't be read as JSON by its header, or nil.
    var contentTypeProblem: Problem? {
        guard let type = headers["Content-Type"] else {
            return Problem(
                status: 415, detail: "Say what the body is: send `Content-Type: application/json`.")
        }
        let essence = type.prefix { $0 != ";" }.trimmed
        if essence.equalsIgnoringCase("application/json") { return nil }
        return Problem(
            status: 415, detail: "This path takes JSON: send `Content-Type: application/json`.",
            headers: ["Accept": "application/json"])
    }
}

extension Problem {
    /// The complaint of a decoder in words for the client, with the field and without the data.
    init(decoding error: DecodingError, body: [UInt8]) {
        let path: [any CodingKey]
        let complaint: String
        switch error {
        case .keyNotFound(let key, let context):
            path = context.codingPath + [key]
            complaint = "is missing"
        case .typeMismatch(let type, let context):
            path = context.codingPath
            complaint = "must be \(Problem.name(of: type))"
        case .valueNotFound(let type, let context):
            path = context.codingPath
            complaint = "must be \(Problem.name(of: type)), not null"
        case .dataCorrupted(let context):
            path = context.codingPath
            complaint = path.isEmpty ? "" : "is not valid: \(context.debugDescription)"
        @unknown default:
            path = []
            complaint = ""
        }
        guard !complaint.isEmpty else {
            self = Problem(unreadable: body)
            return
        }
        self.init(at: path, complaint)
    }

    /// For an error that names no field: the body isn't JSON, or it has a number that fits no whole number, or text
    /// that is none.
    ///
    /// The decoder says the same for all, so the body is read once more, as plain JSON. What it finds may be in a field
    /// that this path ignores; only where nothing else is odd, that must be it.
    private init(unreadable body: [UInt8]) {
        let tree = try? JSONDecoder().decode(JSONTree.self, from: Data(body))
        guard let odd = tree?.odd, let first = odd.first else {
            self = .badRequest("The body is not JSON. Check its brackets, commas, quotes and escapes.")
            return
        }
        guard odd.count > 1 else {
            self.init(at: first.path, first.complaint)
            return
        }
        let list = odd.map { "`\(Problem.pointer($0.path))` \($0.complaint)" }.joined(separator: "; ")
        self = .badRequest("A field can't be read, perhaps one of these, if this path takes it: \(list).")
    }

    /// A JSON pointer (RFC 6901).
    private static func pointer(_ path: [any CodingKey]) -> String {
        path.map { key in
            let name = key.intValue.map(String.init) ?? key.stringValue
            return "/" + name.replacing("~", with: "~0").replacing("/", with: "~1")
        }.joined()
    }

    private init(at path: [any CodingKey], _ complaint: String) {
        let pointer = Problem.pointer(path)
        let subject = pointer.isEmpty ? "The body" : "`\(pointer)`"
        self = .badRequest(
            "\(subject) \(complaint).", errors: [Violation(pointer, complaint)])
    }

    private static func name(of type: Any.Type) -> String {
        switch type {
        case is any FixedWidthInteger.Type: "a whole number"
        case is any BinaryFloatingPoint.Type: "a number"
        case is String.Type: "a string"
        case is Bool.Type: "true or false"
        default: String(describing: type).hasPrefix("Array") ? "a list" : "an object"
        }
    }
}
