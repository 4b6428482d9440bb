import Glibc
import Observability

/// Shows warnings; there is nothing to follow in a broker that works.
struct StandardErrorHandler: LogHandler {
    static var logger: Logger {
        Logger(label: "local-broker", level: .warning, handler: StandardErrorHandler())
    }

    func log(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata) {
        let details = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        say("\(label): \(level) \(message) \(details.joined(separator: " "))", to: STDERR_FILENO)
    }
}
