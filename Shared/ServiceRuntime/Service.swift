package import HTTP
package import Observability

/// What makes a service: its name, its settings, its commands, and the parts it consists of.
package struct Service: Sendable {
    /// Also the executable's name, so that `pgrep -x orders` finds it.
    package let name: String
    /// One sentence for `--help`.
    package let summary: String
    package let httpPort: Int
    /// The settings it has beside those in `CommonKeys`.
    package let keys: [ConfigurationEntry]
    /// Names in the environment that begin with one of these must be settings, as must those with `SHOP_`.
    package let prefixes: [String]
    /// What it does beside serving: `orders migrate`.
    package let commands: [Command]
    /// Its parts in the order of their start; called once, after the settings were checked.
    ///
    /// It only builds: whatever waits or fails belongs into a part's `start`.
    package let parts: @Sendable (ServiceContext) async throws -> [Part]

    package init(
        name: String, summary: String, httpPort: Int, keys: [ConfigurationEntry] = [],
        prefixes: [String] = [],
        commands: [Command] = [], parts: @escaping @Sendable (ServiceContext) async throws -> [Part]
    ) {
        self.name = name
        self.summary = summary
        self.httpPort = httpPort
        self.keys = keys
        self.prefixes = prefixes
        self.commands = commands
        self.parts = parts
    }

    /// Something a service does once, and ends: `orders migrate`.
    package struct Command: Sendable {
        package let name: String
        package let meaning: String
        /// What it throws is logged, and the exit code is 70.
        package let run: @Sendable (ServiceContext) async throws -> Void

        package init(
            _ name: String, _ meaning: String, run: @escaping @Sendable (ServiceContext) async throws -> Void
        ) {
            self.name = name
            self.meaning = meaning
            self.run = run
        }
    }
}

/// What the runtime gives a service to build its parts from.
package struct ServiceContext: Sendable {
    package let service: String
    package let configuration: Configuration
    package let logger: Logger
    /// Where the parts add their checks.
    package let readiness: Readiness
    /// Where the parts count what they do.
    package let metrics: PrometheusCollectorRegistry

    /// The HTTP server as a part, with the health routes: the last to start and the first to stop.
    ///
    /// `translate` is the service's table from its errors to problems.
    package func httpPart(
        routes: [Route], translate: @escaping @Sendable (any Error) -> Problem? = { _ in nil }
    ) -> Part {
        let settings = HTTPServerConfiguration(
            host: configuration[CommonKeys.httpHost], port: configuration[CommonKeys.httpPort])
        let router = Router(routes: routes + readiness.routes, logger: logger, translate: translate)
        let server = HTTPServer(configuration: settings, router: router, metrics: metrics, logger: logger)
        return Part(
            "http", start: { _ = try server.start() },
            stop: { await server.drain(deadline: ServiceContext.drainDeadline) })
    }

    /// `GET /metrics` on a port of its own, where METRICS_PORT names one: whoever reaches the service's clients' port has
    /// no business here, and however many they are, Prometheus gets its answer.
    var metricsParts: [Part] {
        guard let port = configuration[CommonKeys.metricsPort] else { return [] }
        var settings = HTTPServerConfiguration(host: configuration[CommonKeys.httpHost], port: port)
        settings.connectionsMax = 32
        let route = Route(.get, "/metrics", importance: .vital) { [metrics] _ in
            var response = HTTPResponse(
                status: 200, headers: ["Content-Type": PrometheusCollectorRegistry.contentType])
            metrics.emit(into: &response.body)
            return response
        }
        var logger = logger
        logger[metadataKey: "part"] = "metrics"
        let server = HTTPServer(
            configuration: settings, router: Router(routes: [route], logger: logger), logger: logger)
        return [
            Part(
                "metrics", start: { _ = try server.start() },
                stop: { await server.drain(deadline: .seconds(1)) })
        ]
    }

    /// What requests under way get at the stop, out of the 15 seconds that all parts share.
    private static let drainDeadline: Duration = .seconds(5)
}
