import BlockingIO
import CCurl

/// An HTTP client for tools: one request at a time, on a thread of its own, connections kept
/// between them.
///
/// Redirects are not followed, and any status is an answer rather than an error.
package actor HTTPClient {
    private let executor: ThreadExecutor
    private let transfer: Transfer

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// An answer; header names are as the server wrote them.
    package struct Answer: Sendable {
        package let status: Int
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]

        /// The first header of that name, whatever its case.
        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    /// The most a body may have: 16 MiB.
    package static let bodyBytesMax = 16_777_216

    /// - Throws: when the system has no room for a thread, or libcurl doesn't start.
    package init() throws {
        executor = try ThreadExecutor(name: "http-client")
        transfer = try Transfer()
    }

    /// Sends a request and waits for the whole answer.
    ///
    /// - Throws: `CurlError`; after `timedOut` and `failed` the request may have been carried out.
    package func request(
        _ method: String, _ url: String, headers: [(name: String, value: String)] = [], body: [UInt8] = [],
        timeout: Duration = .seconds(30)
    ) throws(CurlError) -> Answer {
        for text in [method, url] + headers.flatMap({ [$0.name, $0.value] }) {
            guard text.isOneLine else { throw .invalid("a line end in a header, the method or the URL") }
        }
        transfer.reset(url: url, protocols: "http,https", timeout: timeout)
        // Without a wait for `100 Continue`, which costs a second where the server doesn't know it.
        var lines = ["Expect:"]
        lines += headers.map { "\($0.name): \($0.value)" }
        transfer.set(CURLOPT_HTTPHEADER, lines)
        if !body.isEmpty { transfer.send(body) }
        if method == "HEAD" { transfer.set(CURLOPT_NOBODY, 1) }
        transfer.set(CURLOPT_CUSTOMREQUEST, method)
        let status = try transfer.perform(receivedMax: HTTPClient.bodyBytesMax)
        return Answer(status: status, headers: answerHeaders(), body: transfer.received)
    }

    /// The header lines of the last answer; those of `100 Continue` come before and don't count.
    private func answerHeaders() -> [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        for line in transfer.headerLines {
            if line.hasPrefix("HTTP/") { headers = [] }
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].split(whereSeparator: \.isNewline).first ?? ""
            headers.append((String(line[..<colon]), String(value.drop { $0 == " " })))
        }
        return headers
    }
}

extension String {
    /// Whether there is no control character, which could start a header of its own.
    var isOneLine: Bool { utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } }
}
