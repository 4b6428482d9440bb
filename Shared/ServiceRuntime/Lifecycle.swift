import Observability

/// Starts parts, keeps them running until a signal or a failure, and stops them.
struct Lifecycle: Sendable {
    let parts: [Part]
    let readiness: Readiness
    let logger: Logger
    /// All parts together have this long to stop.
    var stopDeadline: Duration = .seconds(15)
    /// Ends the process at once; a test brings one that only takes note.
    let exitNow: @Sendable (Int32) -> Void

    private enum Event: Sendable {
        case signal(Int32)
        case started
        case failedToStart(String, any Error)
        case failed(String, String)
    }

    /// Runs the service to its end.
    ///
    /// - Parameter signals: the first one begins the stop, the second ends the process at once.
    /// - Returns: the exit code: 0 after a signal, 69 when a part didn't start, 70 when one failed later.
    func run(signals: AsyncStream<Int32>) async -> Int32 {
        let (events, report) = AsyncStream.makeStream(of: Event.self)
        let signalling = Task { await forward(signals, to: report) }
        let starting = Task { await start(report) }
        var code: Int32 = 0
        var runs: [Task<Void, Never>?] = []
        loop: for await event in events {
            switch event {
            case .started:
                runs = parts.map { part in part.run.map { run in Task { await work(part.name, run, report) } }
                }
                readiness.becomeReady()
                logger.info("ready")
            case .signal(let number):
                logger.info("stopping", metadata: ["signal": "\(number)"])
                break loop
            case .failedToStart(let name, let error):
                logger.error(
                    "could not start", metadata: ["part": name, LogKey.error: String(describing: error)])
                code = 69
                break loop
            case .failed(let name, let reason):
                logger.critical("a part failed", metadata: ["part": name, LogKey.error: reason])
                code = 70
                break loop
            }
        }
        readiness.beginStopping()
        let watchdog = Task { await watch() }
        starting.cancel()
        await stop(startedCount: await starting.value, runs)
        watchdog.cancel()
        signalling.cancel()
        return code
    }

    /// - Returns: how many parts have started, and so must be stopped.
    private func start(_ report: AsyncStream<Event>.Continuation) async -> Int {
        for (index, part) in parts.enumerated() {
            do {
                // A stop that came meanwhile ends the start; nobody hears the report then.
                try Task.checkCancellation()
                try await part.start()
            } catch {
                report.yield(.failedToStart(part.name, error))
                return index
            }
        }
        report.yield(.started)
        return parts.count
    }

    private func work(
        _ name: String, _ run: @Sendable () async throws -> Void, _ report: AsyncStream<Event>.Continuation
    ) async {
        do {
            try await run()
            report.yield(.failed(name, "it ended by itself"))
        } catch {
            report.yield(.failed(name, String(describing: error)))
        }
    }

    private func stop(startedCount: Int, _ runs: [Task<Void, Never>?]) async {
        for index in parts.indices.prefix(startedCount).reversed() {
            logger.debug("stopping a part", metadata: ["part": parts[index].name])
            await parts[index].stop()
            guard index < runs.count, let run = runs[index] else { continue }
            run.cancel()
            await run.value
        }
    }

    private func forward(_ signals: AsyncStream<Int32>, to report: AsyncStream<Event>.Continuation) async {
        var isFirst = true
        for await number in signals {
            if isFirst { report.yield(.signal(number)) } else { exitNow(128 + number) }
            isFirst = false
        }
    }

    private func watch() async {
        do { try await Task.sleep(for: stopDeadline) } catch { return }
        logger.critical("the stop took too long; leaving without the rest")
        exitNow(70)
    }
}
