package import Observability

/// Routes, and what becomes of a request that has none or whose handler fails: a value, and a function from
/// request to answer, so tests need no socket.
package struct Router: Sendable {
    package let routes: [Route]
    private let logger: Logger
    private let translate: @Sendable (any Error) -> Problem?

    /// A router of these routes.
    ///
    /// - Parameters:
    ///   - routes: where two match a request, the first one answers.
    ///   - logger: gets one line for each failure that nobody expected.
    ///   - translate: the service's one table from its errors to problems; nil means that the error is
    ///     unexpected.
    package init(
        routes: [Route], logger: Logger, translate: @escaping @Sendable (any Error) -> Problem? = { _ in nil }
    ) {
        self.routes = routes
        self.logger = logger
        self.translate = translate
    }

    /// Answers a request, whatever happens: no error leaves here.
    package func respond(to request: HTTPRequest) async -> HTTPResponse {
        var request = request
        switch match(request) {
        case .failure(let problem): return problem.response
        case .success(let match):
            request.pathParameters = match.parameters
            return await respond(to: request, with: match.route)
        }
    }

    /// The route for a request whose headers are known, or why there is none; doesn't look at the body.
    func match(_ head: HTTPRequest) -> Result<(route: Route, parameters: [String: String]), Problem> {
        let parts = Route.split(head.path)
        // HEAD is answered as GET; the server keeps the body back.
        let method = head.method == .head ? .get : head.method
        var allowed: [String] = []
        for route in routes where route.matches(parts) {
            guard route.method == method else {
                allowed += route.method == .get ? ["GET", "HEAD"] : [route.method.name]
                continue
            }
            if route.body == .json, let problem = head.contentTypeProblem { return .failure(problem) }
            return .success((route, route.parameters(of: parts)))
        }
        return .failure(allowed.isEmpty ? noSuchPath(head.path) : methodNotAllowed(allowed))
    }

    /// Runs a route's handler and turns what it throws into an answer.
    func respond(to request: HTTPRequest, with route: Route) async -> HTTPResponse {
        do {
            return try await route.handler(request)
        } catch let problem as Problem {
            return problem.response
        } catch is CancellationError {
            return Problem.unavailable("The request was given up here. Send it again.").response
        } catch {
            if let problem = translate(error) { return problem.response }
            logger.error(
                "request failed",
                metadata: ["http.route": route.pattern, LogKey.error: String(describing: error)])
            return Problem(
                status: 500,
                detail: "The service failed on this request; its log says why. Send it again later."
            ).response
        }
    }

    private func noSuchPath(_ path: String) -> Problem {
        let known = Set(routes.map(\.pattern)).sorted().joined(separator: ", ")
        return .notFound("There is nothing at this path. The paths here: \(known).")
    }

    private func methodNotAllowed(_ allowed: [String]) -> Problem {
        let list = allowed.joined(separator: ", ")
        return Problem(status: 405, detail: "This path takes \(list).", headers: ["Allow": list])
    }
}
