import CMicroHTTPD
import Glibc
package import Observability
import Synchronization

/// An HTTP/1.1 server around libmicrohttpd: its one thread does all reading and writing, handlers run as
/// tasks.
///
/// Whoever starts a server drains it; one that is dropped instead goes on serving until the process ends.
package final class HTTPServer: Sendable {
    private let core: ServerCore
    private let logger: Logger
    private let state = Mutex(State.idle)

    private enum State {
        case idle
        case running(Daemon)
        case stopped
    }

    /// Calls on a daemon are made under `state`'s lock, or after it was taken out of there.
    private struct Daemon: Sendable {
        nonisolated(unsafe) let pointer: OpaquePointer
        let sweep: Task<Void, Never>
    }

    /// - Parameter metrics: where requests are counted; unless told otherwise, where nobody reads.
    package init(
        configuration: HTTPServerConfiguration, router: Router,
        metrics: PrometheusCollectorRegistry = PrometheusCollectorRegistry(), logger: Logger
    ) {
        self.core = ServerCore(configuration: configuration, router: router, metrics: metrics)
        self.logger = logger
    }

    /// Requests whose handler runs or whose answer is being sent.
    package var requestsInFlight: Int { core.exchanges.count }

    /// Connections that are open, whatever happens on them.
    package var connectionsOpen: Int { core.connections.count }

    /// Requests refused because there was too much to do.
    package var requestsShedTotal: Int { core.metrics.shed.value }

    /// Starts to listen.
    ///
    /// - Returns: the port, which matters when the configuration's is 0.
    /// - Throws: `HTTPServerError`; its text is for the operator.
    package func start() throws(HTTPServerError) -> Int {
        let settings = core.configuration
        let listener = shop_http_listen(settings.host, UInt16(clamping: settings.port))
        guard listener >= 0 else { throw HTTPServer.error(errno: -listener, settings) }
        let port = Int(shop_http_port(listener))
        let limits = shop_http_limits(
            connections: UInt32(settings.connectionsMax),
            connections_per_address: UInt32(settings.connectionsPerAddressMax),
            idle_seconds: UInt32(settings.firstRequestSeconds), connection_memory: settings.connectionBytes)
        // The daemon's reference to the core; `drain` gives it back.
        let context = Unmanaged.passRetained(core)
        let daemon = shop_http_start(
            listener, limits, accessHandler, completedCallback, connectionCallback, context.toOpaque())
        guard let daemon else {
            context.release()
            close(listener)
            throw .cannotStart
        }
        let sweep = Task { [core] in await HTTPServer.sweep(core) }
        state.withLock { $0 = .running(Daemon(pointer: daemon, sweep: sweep)) }
        logger.info("listening", metadata: ["http.host": settings.host, "http.port": "\(port)"])
        return port
    }

    /// Stops: no new connection is taken, requests under way are answered, then the thread ends.
    ///
    /// Clients that asked to wait are answered at once. Handlers that still run after `deadline` are
    /// cancelled and their clients get 503. Takes a second more than `deadline` at most.
    package func drain(deadline: Duration) async {
        let running = state.withLock { state -> Daemon? in
            guard case .running(let daemon) = state else { return nil }
            state = .stopped
            return daemon
        }
        guard let running else { return }
        core.isDraining.store(true, ordering: .relaxed)
        let listener = MHD_quiesce_daemon(running.pointer)
        if listener >= 0 { close(listener) }
        await waitUntilIdle(for: deadline)
        // Stopping with a suspended connection aborts the process: from here on nothing is suspended any
        // more.
        core.exchanges.close()
        let late = core.exchanges.exchanges { _ in true }
        for exchange in late {
            exchange.expire(.unavailable("The service is stopping. Send the request again."))
        }
        if !late.isEmpty {
            logger.warning("requests cut off by the stop", metadata: [LogKey.count: "\(late.count)"])
            await waitUntilIdle(for: .seconds(1))
        }
        running.sweep.cancel()
        MHD_stop_daemon(running.pointer)
        Unmanaged.passUnretained(core).release()
    }

    private func waitUntilIdle(for time: Duration) async {
        let end = ContinuousClock.now + time
        while core.exchanges.count > 0, ContinuousClock.now < end {
            while let exchange = core.exchanges.endLongestWait(beyond: 0) { exchange.cancel() }
            do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
        }
    }

    /// Holds handlers and clients to their deadlines.
    ///
    /// One task for all costs less than a timer for each request.
    private static func sweep(_ core: ServerCore) async {
        while !Task.isCancelled {
            do { try await Task.sleep(for: .milliseconds(250)) } catch { return }
            let now = ContinuousClock.now
            core.connections.cutOff(at: now)
            for exchange in core.exchanges.exchanges(where: { $0.deadline < now }) {
                exchange.expire(
                    .unavailable(
                        "This took too long and may or may not have been done. Repeat it with the same key."))
            }
        }
    }

    private static func error(errno code: Int32, _ settings: HTTPServerConfiguration) -> HTTPServerError {
        if code == EADDRINUSE { return .portTaken(host: settings.host, port: settings.port) }
        return .cannotListen(
            host: settings.host, port: settings.port, reason: String(cString: strerror(code)))
    }
}
