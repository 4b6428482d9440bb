/// What a part of the shop says about its work, with the names of apple/swift-log.
///
/// A message is a fixed lower-case phrase; what varies goes into the metadata, under the keys of `LogKey`. A
/// team that adopts swift-log changes imports and nothing else. Shared code takes a logger, and never makes
/// one.
package struct Logger: Sendable {
    package let label: String
    package var logLevel: Level
    package var metadata: Metadata = [:]
    private let handler: any LogHandler

    package init(label: String, level: Level = .info, handler: any LogHandler) {
        self.label = label
        self.logLevel = level
        self.handler = handler
    }

    package subscript(metadataKey key: String) -> String? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Records an event; neither argument is evaluated below the level in force.
    package func log(
        level: Level, _ message: @autoclosure () -> String, metadata extra: @autoclosure () -> Metadata = [:]
    ) {
        guard level >= logLevel else { return }
        let more = extra()
        handler.log(
            label: label, level: level, message: message(),
            metadata: metadata.isEmpty ? more : metadata.merging(more) { _, new in new })
    }

    package func trace(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata = [:]) {
        log(level: .trace, message(), metadata: metadata())
    }

    package func debug(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata = [:]) {
        log(level: .debug, message(), metadata: metadata())
    }

    package func info(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata = [:]) {
        log(level: .info, message(), metadata: metadata())
    }

    package func notice(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata = [:]) {
        log(level: .notice, message(), metadata: metadata())
    }

    package func warning(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata = [:]) {
        log(level: .warning, message(), metadata: metadata())
    }

    package func error(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata = [:]) {
        log(level: .error, message(), metadata: metadata())
    }

    package func critical(_ message: @autoclosure () -> String, metadata: @autoclosure () -> Metadata = [:]) {
        log(level: .critical, message(), metadata: metadata())
    }
}

extension Logger {
    package typealias Metadata = [String: String]

    /// How much a line matters; the same seven steps as swift-log.
    package enum Level: String, CaseIterable, Sendable, Comparable {
        case trace, debug, info, notice, warning, error, critical

        private var rank: Int {
            switch self {
            case .trace: 0
            case .debug: 1
            case .info: 2
            case .notice: 3
            case .warning: 4
            case .error: 5
            case .critical: 6
            }
        }

        package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }
    }
}

/// Where log lines go.
///
/// A handler is called from any thread, must not block for long and must not throw.
package protocol LogHandler: Sendable {
    func log(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata)
}
