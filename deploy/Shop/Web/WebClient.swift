/// STUB until Curl is there.
struct WebClient: Sendable {
    enum Method: String, Sendable { case get = "GET", post = "POST" }

    func send(
        _ method: Method, _ url: String, headers: [String: String] = [:], json: [UInt8]? = nil,
        timeout: Duration = .seconds(15)
    ) async throws -> WebAnswer {
        throw Failure("no HTTP yet: \(method.rawValue) \(url)")
    }
}
