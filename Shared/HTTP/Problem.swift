package import Kernel

/// A refusal as RFC 9457 has it: what a handler throws, and what the client gets as
/// `application/problem+json`.
///
/// `detail` is for the person at the other end: it says what to do differently. It never repeats what may be
/// secret.
package struct Problem: Error, Sendable {
    /// Names the kind of problem for programs: `about:blank` where the status says it all, else a stable
    /// relative reference such as `/problems/unknown-sku`.
    package var type: String
    package var status: Int
    package var detail: String
    /// One entry for each field at fault.
    package var errors: [Violation]
    package var headers: HTTPHeaders

    package init(
        status: Int, type: String = "about:blank", detail: String,
        errors: [Violation] = [], headers: HTTPHeaders = [:]
    ) {
        self.type = type
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers
    }
}

extension Problem {
    package static func badRequest(_ detail: String, errors: [Violation] = []) -> Problem {
        Problem(status: 400, detail: detail, errors: errors)
    }

    package static func notFound(_ detail: String) -> Problem { Problem(status: 404, detail: detail) }

    package static func conflict(_ detail: String, type: String = "about:blank") -> Problem {
        Problem(status: 409, type: type, detail: detail)
    }

    package static func unprocessable(
        _ detail: String, type: String = "about:blank", errors: [Violation] = []
    ) -> Problem {
        Problem(status: 422, type: type, detail: detail, errors: errors)
    }

    /// Too much at once, or on its way out: the client may try again, and when.
    package static func unavailable(_ detail: String) -> Problem {
        Problem(status: 503, detail: detail, headers: ["Retry-After": "1"])
    }

    /// The answer to send.
    package var response: HTTPResponse {
        var response = HTTPResponse(status: status, headers: headers, body: json)
        response.headers.append("Content-Type", "application/problem+json")
        return response
    }

    private static func phrase(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 503: "Service Unavailable"
        default: status < 500 ? "Client Error" : "Internal Server Error"
        }
    }

    /// Written by hand, so that the members come in the order people read them and shedding stays cheap.
    private var json: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(256)
        out.append(contentsOf: "{\"type\":".utf8)
        out.append(jsonString: type)
        out.append(contentsOf: ",\"title\":".utf8)
        out.append(jsonString: Problem.phrase(status))
        out.append(contentsOf: ",\"status\":\(status),\"detail\":".utf8)
        out.append(jsonString: detail)
        if !errors.isEmpty { out.append(jsonErrors: errors) }
        out.append(contentsOf: "}\n".utf8)
        return out
    }
}

extension [UInt8] {
    fileprivate mutating func append(jsonErrors errors: [Violation]) {
        append(contentsOf: ",\"errors\":[".utf8)
        for (index, error) in errors.enumerated() {
            append(contentsOf: (index == 0 ? "{\"pointer\":" : ",{\"pointer\":").utf8)
            append(jsonString: error.pointer)
            append(contentsOf: ",\"detail\":".utf8)
            append(jsonString: error.detail)
            append(UInt8(ascii: "}"))
        }
        append(UInt8(ascii: "]"))
    }
}
