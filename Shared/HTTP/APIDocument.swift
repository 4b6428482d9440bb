extension Route {
    /// `GET /openapi.json`: the service's OpenAPI document, as it stands beside its routes.
    package static func apiDocument(_ json: [UInt8]) -> Route {
        Route(.get, "/openapi.json") { _ in
            HTTPResponse(status: 200, headers: ["Content-Type": "application/json"], body: json)
        }
    }
}
