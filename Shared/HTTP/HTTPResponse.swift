import JSON

/// An answer.
///
/// The server adds `Content-Length`, `Date` and `Connection`.
package struct HTTPResponse: Sendable {
    package var status: Int
    package var headers: HTTPHeaders
    package var body: [UInt8]

    package init(status: Int, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// A value as compact JSON with a line end, so that it reads well under curl.
    ///
    /// - Throws: only for a value that JSON can't hold; the router answers 500.
    package static func json(_ value: some Encodable, status: Int = 200) throws -> HTTPResponse {
        var response = HTTPResponse(status: status, headers: ["Content-Type": "application/json"])
        response.body = try JSONCoder.encode(value)
        response.body.append(UInt8(ascii: "\n"))
        return response
    }

    /// Plain text, for people: health checks and such.
    package static func text(_ text: String, status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: Array(text.utf8))
    }

    /// The answer with one more header field.
    package func with(_ name: String, _ value: String) -> HTTPResponse {
        var copy = self
        copy.headers.set(name, value)
        return copy
    }
}
