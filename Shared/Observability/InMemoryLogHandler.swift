import Synchronization

/// Keeps log lines in memory, so that a test can say what should have been logged.
package final class InMemoryLogHandler: LogHandler {
    package struct Line: Hashable, Sendable {
        package let label: String
        package let level: Logger.Level
        package let message: String
        package let metadata: Logger.Metadata
    }

    private let stored = Mutex<[Line]>([])

    package init() {}

    /// All lines so far, in the order they were logged.
    package var lines: [Line] { stored.withLock { $0 } }

    package func log(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata) {
        stored.withLock {
            $0.append(Line(label: label, level: level, message: message, metadata: metadata))
        }
    }
}
