/// One request, complete, as a value: a handler needs no socket, and a test makes one by hand.
package struct HTTPRequest: Sendable {
    package var method: HTTPMethod
    /// Percent-decoded once; it is routed on and never decoded again.
    package var path: String
    package var query: [(name: String, value: String)]
    package var headers: HTTPHeaders
    /// At most `HTTPServerConfiguration.bodyBytesMax` bytes.
    package var body: [UInt8]
    /// What stood where the route's pattern has a name in braces.
    package var pathParameters: [String: String] = [:]
    /// What the server does about `beginWait`.
    var waitBegins: (@Sendable (WaitPreference) -> Void)?

    package init(
        _ method: HTTPMethod, _ path: String, query: [(name: String, value: String)] = [],
        headers: HTTPHeaders = [:], body: [UInt8] = []
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The value of a query parameter, the first one where it is repeated.
    package func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// What stood for a name of the route's pattern; asking for a name the pattern lacks is a bug of the
    /// caller's.
    package func parameter(_ name: String) -> String {
        guard let value = pathParameters[name] else {
            preconditionFailure("the route has no parameter {\(name)}")
        }
        return value
    }
}

/// The methods that routes can have; whatever else a client sends is `other`, and no route has it.
package enum HTTPMethod: Hashable, Sendable {
    case get, head, post, put, patch, delete
    case other

    package init(_ name: String) {
        switch name {
        case "GET": self = .get
        case "HEAD": self = .head
        case "POST": self = .post
        case "PUT": self = .put
        case "PATCH": self = .patch
        case "DELETE": self = .delete
        default: self = .other
        }
    }

    /// As it stands in a request and in `Allow`.
    package var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .other: "OTHER"
        }
    }
}

/// A request's or an answer's header fields in their order; names are compared without regard to case.
package struct HTTPHeaders: Sendable, ExpressibleByDictionaryLiteral {
    package private(set) var fields: [(name: String, value: String)]

    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { (name: $0.0, value: $0.1) }
    }

    /// The first field's value.
    package subscript(name: String) -> String? {
        fields.first { $0.name.equalsIgnoringCase(name) }?.value
    }

    /// Every field of that name.
    package func all(_ name: String) -> [String] {
        fields.filter { $0.name.equalsIgnoringCase(name) }.map(\.value)
    }

    package mutating func append(_ name: String, _ value: String) { fields.append((name, value)) }

    /// Puts one field in the place of all of that name.
    package mutating func set(_ name: String, _ value: String) {
        fields.removeAll { $0.name.equalsIgnoringCase(name) }
        append(name, value)
    }
}

extension StringProtocol {
    /// Equality of ASCII text without regard to case, as HTTP has it for field names and most tokens.
    func equalsIgnoringCase(_ other: some StringProtocol) -> Bool {
        utf8.elementsEqual(other.utf8) { left, right in
            left == right || (left ^ right == 0x20 && (0x61...0x7A).contains(left | 0x20))
        }
    }

    /// The text without spaces and tabs at its ends.
    var trimmed: SubSequence {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}
