package import Observability
import Synchronization

/// Keeps log lines for a test to look at.
package final class RecordedLog: LogHandler {
    package struct Line: Sendable {
        package let label: String
        package let level: Logger.Level
        package let message: String
        package let metadata: Logger.Metadata
    }

    private let recorded = Mutex<[Line]>([])

    package init() {}

    package var lines: [Line] { recorded.withLock { $0 } }

    /// A logger that writes here, at every level.
    package var logger: Logger { Logger(label: "test", level: .trace, handler: self) }

    package func log(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata) {
        recorded.withLock {
            $0.append(Line(label: label, level: level, message: message, metadata: metadata))
        }
    }
}
