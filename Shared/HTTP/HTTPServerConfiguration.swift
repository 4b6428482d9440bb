/// Where a server listens, and the limits that keep any client from having more of it than its share.
package struct HTTPServerConfiguration: Sendable {
    /// A name or an address; loopback unless told otherwise.
    package var host = "127.0.0.1"
    /// 0 lets the system choose; `HTTPServer.start` says which it was.
    package var port = 0
    package var bodyBytesMax = 65536
    /// How long a body may take to arrive, however slowly its bytes drip.
    package var bodyDeadline: Duration = .seconds(30)
    /// Open connections, each of up to `connectionBytes`; further clients wait in the system's queue until
    /// one ends.
    ///
    /// Where seven of eight places are taken, those that have been idle for longest are closed.
    package var connectionsMax = 6144
    /// From one address; 0 is no limit, which is right behind a proxy.
    package var connectionsPerAddressMax = 0
    /// What the headers of one request may take (431 beyond), and the buffer its body comes through.
    package var connectionBytes = 8192
    /// A new connection on which no request comes is closed after this, so that idle ones don't keep others
    /// waiting.
    package var firstRequestSeconds = 5
    /// Any other connection on which nothing moves is closed after this.
    package var idleSeconds = 30
    /// How long the head of a request may take to arrive, however slowly its bytes drip; then the connection is
    /// closed.
    ///
    /// Counted from the connection's start, or from `idleSeconds` after the request before.
    package var headDeadline: Duration = .seconds(10)
    /// How long a client may take to read an answer, however slowly; then the connection is closed.
    package var answerDeadline: Duration = .seconds(30)
    /// What the bodies and answers of all connections may have in memory together; beyond, requests are refused
    /// with 503.
    package var bytesHeldMax = 25_165_824
    /// Requests that change something and are being handled; beyond, new ones are refused with 503.
    ///
    /// Reading has half as many places beside (see `Route.Importance`).
    package var requestsInFlightMax = 3072
    /// Requests that only wait, which don't count as being handled; beyond, the one that has waited longest is answered
    /// as if its time were up (see `HTTPRequest.beginWait`).
    package var requestsWaitingMax = 3072
    /// What a handler has to answer, and again once it only waits, on top of the wait; then it is cancelled, and the
    /// client gets 503.
    package var handlerDeadline: Duration = .seconds(15)

    package init(host: String = "127.0.0.1", port: Int = 0) {
        self.host = host
        self.port = port
    }
}

/// Why a server doesn't start; the text says what to change.
package enum HTTPServerError: Error, Hashable, CustomStringConvertible {
    /// Another process has the port.
    case portTaken(host: String, port: Int)
    /// The address isn't one of this machine's, or may not be used.
    case cannotListen(host: String, port: Int, reason: String)
    /// The library refused its settings, or memory ran out.
    case cannotStart

    package var description: String {
        switch self {
        case .portTaken(let host, let port):
            "port \(port) on \(host) is taken by another process; stop it or choose another port"
        case .cannotListen(let host, let port, let reason):
            "cannot listen on \(host):\(port): \(reason)"
        case .cannotStart: "the HTTP library did not start"
        }
    }
}
