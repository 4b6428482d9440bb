/// What answers one method of one path pattern.
package struct Route: Sendable {
    package typealias Handler = @Sendable (HTTPRequest) async throws -> HTTPResponse

    package let method: HTTPMethod
    package let pattern: String
    package let body: Body
    package let importance: Importance
    let handler: Handler
    let segments: [Segment]

    /// What a route takes as a body.
    ///
    /// Another content type is refused before the body is read.
    package enum Body: Sendable { case json, ignored }

    /// Who is refused first when there is too much at once.
    package enum Importance: Sendable {
        /// New work: refused where `requestsInFlightMax` requests that change something are under way.
        case ordinary
        /// Work that finishes what was begun: refused at twice that.
        case high
        /// Reading, which has places of its own, half of `requestsInFlightMax`: it takes none from those who change
        /// something, nor they from it.
        case reading
        /// Health checks: never refused.
        case vital
    }

    /// A route for a pattern such as `/v1/orders/{id}`: a name in braces stands for one segment that isn't
    /// empty.
    ///
    /// GET is `reading` and all else of `ordinary` importance, unless said otherwise. The handler has
    /// `HTTPServerConfiguration.handlerDeadline` to answer, then it is cancelled.
    package init(
        _ method: HTTPMethod, _ pattern: String, body: Body = .ignored, importance: Importance? = nil,
        handler: @escaping Handler
    ) {
        precondition(pattern.hasPrefix("/"), "a pattern begins with a slash")
        self.method = method
        self.pattern = pattern
        self.body = body
        self.importance = importance ?? (method == .get ? .reading : .ordinary)
        self.handler = handler
        self.segments = Route.split(pattern).map { segment in
            segment.hasPrefix("{") && segment.hasSuffix("}")
                ? .parameter(String(segment.dropFirst().dropLast())) : .literal(String(segment))
        }
    }

    enum Segment: Sendable {
        case literal(String)
        case parameter(String)
    }

    /// The parts of a path between slashes; a slash at the end makes an empty last part, which no route has.
    static func split(_ path: String) -> [Substring] {
        path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    }

    func matches(_ parts: [Substring]) -> Bool {
        guard parts.count == segments.count else { return false }
        for (segment, part) in zip(segments, parts) {
            switch segment {
            case .literal(let text): guard part == text else { return false }
            case .parameter: guard !part.isEmpty else { return false }
            }
        }
        return true
    }

    func parameters(of parts: [Substring]) -> [String: String] {
        var values: [String: String] = [:]
        for (segment, part) in zip(segments, parts) {
            if case .parameter(let name) = segment { values[name] = String(part) }
        }
        return values
    }
}
