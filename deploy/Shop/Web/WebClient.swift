import Curl

/// Asks the services over HTTP.
struct WebClient: Sendable {
    enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    /// - Parameters:
    ///   - json: the body; none where it is left out.
    ///   - timeout: for the whole answer.
    ///   - remedy: what to do where a request came to no answer and may have been carried out all the same.
    /// - Returns: the answer, whatever its status.
    /// - Throws: `Failure` where there is none.
    func send(
        _ method: Method, _ url: String, headers: [String: String] = [:], json: [UInt8]? = nil,
        timeout: Duration = .seconds(15), remedy: String? = nil
    ) async throws(Failure) -> WebAnswer {
        var lines = headers.map { (name: $0.key, value: $0.value) }
        if json != nil { lines.append(("Content-Type", "application/json")) }
        do {
            let answer = try await HTTPClient().request(
                method.rawValue, url, headers: lines, body: json ?? [], timeout: timeout)
            return WebAnswer(status: answer.status, body: answer.body)
        } catch let error as CurlError {
            let doubt = remedy.map { "; it may have been done all the same: \($0)" }
            throw Failure(Self.explain(error, url, doubt: doubt ?? ""))
        } catch {
            throw Failure("no request can be made: \(error)")
        }
    }

    private static func explain(_ error: CurlError, _ url: String, doubt: String) -> String {
        let server = url.split(separator: "/", maxSplits: 3).prefix(2).joined(separator: "//")
        switch error {
        case .unreachable: return "nobody answers at \(server): is the service running?"
        case .timedOut: return "no answer from \(server) in time\(doubt)"
        case .failed, .answerTooLarge: return "\(server): \(error)\(doubt)"
        case .invalid, .refused, .cancelled: return "\(server): \(error)"
        }
    }
}
