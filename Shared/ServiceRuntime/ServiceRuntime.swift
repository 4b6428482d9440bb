import BlockingIO
import CSystem
import FoundationEssentials
import Glibc
import Observability

/// The entry point of every service: reads the command line and the settings, then serves or does what was
/// asked.
package enum ServiceRuntime {
    /// What `@main` calls; ends the process.
    package static func run(_ service: Service) async -> Never {
        prepareProcess()
        let arguments = Array(CommandLine.arguments.dropFirst())
        let code = await execute(
            service, arguments: arguments, environment: ProcessInfo.processInfo.environment,
            signals: { Signals.stream() }, output: write)
        endProcess(code)
    }

    /// The same as a function: what it says goes to `output`, the exit code is returned.
    ///
    /// 0 is success, 64 a wrong command line or setting, 69 a part that didn't start, 70 a failure later.
    static func execute(
        _ service: Service, arguments: [String], environment: [String: String],
        signals: () -> AsyncStream<Int32>,
        output: @Sendable (_ descriptor: Int32, _ text: String) -> Void
    ) async -> Int32 {
        let verb = arguments.first ?? "serve"
        if verb == "--help" || verb == "-h" {
            output(STDOUT_FILENO, service.help)
            return 0
        }
        let command = service.commands.first { $0.name == verb }
        guard arguments.count <= 1, command != nil || verb == "serve" || verb == "--check" else {
            output(
                STDERR_FILENO,
                "\(service.name): `\(arguments.joined(separator: " "))` is no command; see --help\n")
            return 64
        }
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try service.configuration(environment)
        } catch {
            for fault in error.faults { output(STDERR_FILENO, "\(service.name): \(fault)\n") }
            return 64
        }
        if verb == "--check" {
            output(STDOUT_FILENO, configuration.summary)
            return 0
        }
        let metrics = PrometheusCollectorRegistry()
        metrics.addProcessMetrics()
        let context = ServiceContext(
            service: service.name, configuration: configuration,
            logger: logger(service.name, configuration, environment), readiness: Readiness(), metrics: metrics
        )
        guard let command else { return await serve(service, context, signals()) }
        return await perform(command, context)
    }

    private static func serve(_ service: Service, _ context: ServiceContext, _ signals: AsyncStream<Int32>)
        async
        -> Int32
    {
        let parts: [Part]
        do {
            parts = context.metricsParts + (try await service.parts(context))
        } catch {
            context.logger.error("could not start", metadata: [LogKey.error: String(describing: error)])
            return 69
        }
        let lifecycle = Lifecycle(parts: parts, readiness: context.readiness, logger: context.logger) {
            endProcess($0)
        }
        return await lifecycle.run(signals: signals)
    }

    private static func perform(_ command: Service.Command, _ context: ServiceContext) async -> Int32 {
        do {
            try await command.run(context)
            return 0
        } catch {
            context.logger.error(
                "\(command.name) failed", metadata: [LogKey.error: String(describing: error)])
            return 70
        }
    }

    private static func logger(
        _ service: String, _ configuration: Configuration, _ environment: [String: String]
    ) -> Logger {
        let sink = LogSink()
        let isPretty =
            switch configuration[CommonKeys.logFormat] {
            case .pretty: true
            case .json: false
            case .auto: sink.isTerminal
            }
        let handler: any LogHandler =
            isPretty
            ? PrettyLogHandler(
                service: service,
                usesColor: PrettyLogHandler.wantsColor(environment: environment, sink: sink),
                sink: sink)
            : JSONLogHandler(service: service, sink: sink)
        return Logger(label: service, level: configuration[CommonKeys.logLevel], handler: handler)
    }

    /// What has to be set before other threads exist.
    private static func prepareProcess() {
        // A client that leaves is an error of write(2), not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // Shells give 1024 descriptors, fewer than the connections we would take.
        shop_raise_descriptor_limit(65536)
    }

    private static func write(_ descriptor: Int32, _ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(descriptor, bytes, bytes.count)
    }
}
