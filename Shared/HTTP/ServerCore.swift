import CMicroHTTPD
import Observability
import Synchronization

/// What the daemon's thread does with a request: the access handler of libmicrohttpd, and nothing of starting
/// and stopping.
///
/// The handler is called for one request: first with the headers; then for each piece of the body; then when
/// it is complete; and once more after the connection was resumed, to send the answer.
final class ServerCore: Sendable {
    let configuration: HTTPServerConfiguration
    let router: Router
    let exchanges = ExchangeTable()
    let connections: ConnectionTable
    let linger = Linger()
    let isDraining = Atomic<Bool>(false)
    let metrics: HTTPMetrics
    /// The bytes of all bodies and answers that are here; only the daemon's thread changes it.
    private let bytesHeld = Atomic<Int>(0)

    init(configuration: HTTPServerConfiguration, router: Router, metrics: PrometheusCollectorRegistry) {
        self.configuration = configuration
        self.router = router
        self.connections = ConnectionTable(connectionsMax: configuration.connectionsMax)
        self.metrics = HTTPMetrics(metrics, exchanges: exchanges, connections: connections)
    }

    /// The first call: whatever the headers alone give a reason to refuse is refused here.
    func begin(_ connection: OpaquePointer, head: HTTPRequest) -> (Exchange, MHD_Result) {
        shop_http_set_timeout(connection, UInt32(configuration.idleSeconds))
        let exchange = Exchange(
            connection: connection, request: head, deadline: .now + configuration.bodyDeadline)
        // A moment more, in which one that is late gets an answer.
        connections.isBusy(shop_http_socket(connection), until: exchange.deadline + .seconds(2))
        let framing = Framing(head.headers)
        if let problem = framing.problem { return (exchange, refuse(exchange, problem, hasBody: true)) }
        switch router.match(head) {
        case .failure(let problem):
            return (exchange, refuse(exchange, problem, hasBody: framing.hasBody))
        case .success(let match):
            exchange.route = match.route
            exchange.request.pathParameters = match.parameters
        }
        if framing.bodyBytes > configuration.bodyBytesMax {
            return (exchange, refuse(exchange, tooLarge, hasBody: true))
        }
        if !exchanges.hasRoom(for: exchange, max: configuration.requestsInFlightMax) {
            // The body is small: reading it keeps the connection, which is cheaper than a new one.
            exchange.refusal = overload()
        }
        exchange.request.body.reserveCapacity(framing.bodyBytes)
        return (exchange, .YES)
    }

    /// A piece of the body.
    func receive(_ exchange: Exchange, _ piece: UnsafeRawBufferPointer) -> MHD_Result {
        exchange.bodyBytes += piece.count
        guard exchange.bodyBytes <= configuration.bodyBytesMax else {
            return refuseAmidBody(exchange, tooLarge)
        }
        guard ContinuousClock.now < exchange.deadline else {
            return refuseAmidBody(
                exchange, Problem(status: 408, detail: "The body took too long to arrive. Send it in one go.")
            )
        }
        guard exchange.refusal == nil else { return .YES }
        guard hold(piece.count, for: exchange) else { return refuseAmidBody(exchange, overload()) }
        exchange.request.body.append(contentsOf: piece)
        return .YES
    }

    /// The request is complete, or its answer is there.
    func proceed(_ exchange: Exchange) -> MHD_Result {
        if let response = exchange.takeAnswer() { return queue(response, exchange) }
        if let problem = exchange.refusal { return queue(problem.response, exchange) }
        guard let route = exchange.route else { return .NO }
        connections.isBusy(shop_http_socket(exchange.connection), until: nil)
        var request = exchange.suspend(deadlineAfter: configuration.handlerDeadline)
        request.waitBegins = { self.beginWait(exchange, $0) }
        if exchanges.insert(exchange, max: configuration.requestsInFlightMax) {
            exchange.run(request, on: route, router: router)
        } else {
            exchange.answer(overload().response)
        }
        return .YES
    }

    /// A suspended connection doesn't notice that its client has left, so those that wait have places of their own, and
    /// the last to come find one.
    private func beginWait(_ exchange: Exchange, _ wait: WaitPreference) {
        guard exchanges.beginWait(exchange) else { return }
        let now = ContinuousClock.now
        exchange.beginWait(at: now, deadline: now + wait.duration + configuration.handlerDeadline)
        exchanges.endLongestWait(beyond: configuration.requestsWaitingMax)?.cancel()
    }

    /// The connection is done with the request, for whatever reason; called once for each.
    func complete(_ exchange: Exchange) {
        exchanges.remove(exchange)
        bytesHeld.subtract(exchange.bytesHeld, ordering: .relaxed)
        let socket = shop_http_socket(exchange.connection)
        let idle = Duration.seconds(configuration.idleSeconds)
        connections.isIdle(socket, next: idle + configuration.headDeadline)
        if exchange.mustLinger { linger.keep(socket) }
    }

    /// Counts bytes that are kept for an exchange until it is complete; false where there are too many already.
    private func hold(_ count: Int, for exchange: Exchange) -> Bool {
        guard bytesHeld.load(ordering: .relaxed) + count <= configuration.bytesHeldMax else { return false }
        bytesHeld.add(count, ordering: .relaxed)
        exchange.bytesHeld += count
        return true
    }

    private func overload() -> Problem {
        metrics.shed.increment()
        return .unavailable("There is too much to do at once. Try again in a second.")
    }

    private var tooLarge: Problem {
        Problem(
            status: 413,
            detail:
                "The body is larger than \(configuration.bodyBytesMax) bytes. Split the request in two."
        )
    }

    /// Refuses before the body; what there is of it is never taken for a request, since the connection is
    /// closed.
    private func refuse(_ exchange: Exchange, _ problem: Problem, hasBody: Bool) -> MHD_Result {
        guard hasBody else {
            exchange.refusal = problem
            return .YES
        }
        exchange.mustLinger = true
        return queue(problem.response.with("Connection", "close"), exchange)
    }

    /// Refuses in the middle of the body, where libmicrohttpd takes no answer: it goes straight to the
    /// socket, and the connection is closed.
    private func refuseAmidBody(_ exchange: Exchange, _ problem: Problem) -> MHD_Result {
        exchange.mustLinger = true
        count(problem.status, exchange, at: .now)
        linger.send(problem.response, to: shop_http_socket(exchange.connection))
        return .NO
    }

    private func queue(_ wanted: HTTPResponse, _ exchange: Exchange) -> MHD_Result {
        // Refusals are short, and one must be left to give.
        let isHeld = wanted.body.count <= 1024 || hold(wanted.body.count, for: exchange)
        let response = isHeld ? wanted : overload().response
        let now = ContinuousClock.now
        count(response.status, exchange, at: now)
        connections.isBusy(
            shop_http_socket(exchange.connection), until: now + configuration.answerDeadline)
        let answer = response.body.withUnsafeBytes { bytes in
            // The library only reads from the buffer, and copies it before it returns.
            MHD_create_response_from_buffer(
                bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress), .RESPMEM_MUST_COPY)
        }
        guard let answer else { return .NO }
        defer { MHD_destroy_response(answer) }
        for (name, value) in response.headers.fields { MHD_add_response_header(answer, name, value) }
        if isDraining.load(ordering: .relaxed) { MHD_add_response_header(answer, "Connection", "close") }
        return MHD_queue_response(exchange.connection, UInt32(response.status), answer)
    }

    private func count(_ status: Int, _ exchange: Exchange, at now: ContinuousClock.Instant) {
        metrics.answered(
            exchange.request.method, exchange.route?.pattern, status: status, after: exchange.work(at: now))
    }
}

/// What the headers say about the body's length.
private struct Framing {
    var bodyBytes = 0
    var hasBody = false
    /// Set where two readers could disagree on where the request ends; that is how requests are smuggled past
    /// a proxy.
    var problem: Problem?

    init(_ headers: HTTPHeaders) {
        var lengths = 0
        var encodings = 0
        for (name, value) in headers.fields {
            if name.equalsIgnoringCase("Content-Length") {
                lengths += 1
                bodyBytes = Int(value) ?? 0
            } else if name.equalsIgnoringCase("Transfer-Encoding") {
                encodings += 1
                if !value.equalsIgnoringCase("chunked") { encodings += 1 }
            }
        }
        hasBody = bodyBytes > 0 || encodings > 0
        if lengths + encodings > 1 {
            problem = .badRequest(
                "Send one Content-Length header, or `Transfer-Encoding: chunked` and no Content-Length.")
        }
    }
}
