import Kernel

/// Writes lines for people: the event flow in columns that are the same in all services, anything else as a
/// phrase.
///
/// ```
/// orders         12:00:01.110 ▶ 9f3c  orders.created                     p2@41
/// orders         12:00:02.000 ! kafka is not there yet  attempt=3
/// ```
package struct PrettyLogHandler: LogHandler {
    private let service: String
    private let sink: LogSink
    private let usesColor: Bool

    private static let serviceColumns = 15
    private static let nameColumns = 35

    package init(service: String, usesColor: Bool, sink: LogSink) {
        self.service = service
        self.usesColor = usesColor
        self.sink = sink
    }

    /// Whether to colour: on a terminal, unless `NO_COLOR` is set (https://no-color.org); `FORCE_COLOR` is
    /// for pipes that end at one, such as Docker's.
    package static func wantsColor(environment: [String: String], sink: LogSink) -> Bool {
        guard environment["NO_COLOR", default: ""].isEmpty else { return false }
        return sink.isTerminal || !environment["FORCE_COLOR", default: ""].isEmpty
    }

    package func log(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata) {
        sink.write { line, time in
            line.append(text: service, columns: PrettyLogHandler.serviceColumns)
            // 2026-11-21T12:00:01.102Z
            line.append(contentsOf: time.description.utf8.dropFirst(11).dropLast())
            line.append(UInt8(ascii: " "))
            if let step = metadata[FlowKey.step], let order = metadata[LogKey.orderID] {
                append(step: step, order: order, metadata, to: &line)
            } else {
                append(level, message, metadata, to: &line)
            }
        }
    }

    private func append(step: String, order: String, _ metadata: Logger.Metadata, to line: inout [UInt8]) {
        let detail = metadata[FlowKey.detail, default: ""]
        line.append(text: step, columns: 2)
        colored(PrettyLogHandler.color(of: order), in: &line) {
            $0.append(text: String(order.suffix(4)), columns: 4)
        }
        line.append(contentsOf: "  ".utf8)
        let name = metadata[LogKey.eventType, default: ""]
        line.append(text: name, columns: detail.isEmpty ? 0 : PrettyLogHandler.nameColumns)
        line.append(text: detail)
    }

    private func append(
        _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata, to line: inout [UInt8]
    ) {
        let color: UInt8 = level >= .error ? 31 : level >= .warning ? 33 : level >= .info ? 0 : 90
        colored(color, in: &line) { line in
            line.append(contentsOf: (level >= .warning ? "! " : "· ").utf8)
            line.append(text: message)
        }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            line.append(contentsOf: "  ".utf8)
            line.append(text: key)
            line.append(UInt8(ascii: "="))
            line.append(text: value)
        }
    }

    private func colored(_ color: UInt8, in line: inout [UInt8], _ write: (inout [UInt8]) -> Void) {
        guard usesColor, color != 0 else { return write(&line) }
        line.append(contentsOf: "\u{1B}[\(color)m".utf8)
        write(&line)
        line.append(contentsOf: "\u{1B}[0m".utf8)
    }

    /// One of twelve colours, the same for an order in every service (FNV-1a).
    private static func color(of order: String) -> UInt8 {
        var hash: UInt32 = 2_166_136_261
        for byte in order.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let choice = UInt8(hash % 12)
        return choice < 6 ? 31 + choice : 85 + choice
    }
}

extension [UInt8] {
    /// Text padded to a width.
    ///
    /// A control character could forge a line or move the cursor: it becomes a question mark.
    fileprivate mutating func append(text: String, columns: Int = 0) {
        var width = 0
        for byte in text.cutForLog.utf8 {
            append(byte < 0x20 || byte == 0x7F ? UInt8(ascii: "?") : byte)
            // Continuation bytes of UTF-8 take no column.
            if byte & 0xC0 != 0x80 { width += 1 }
        }
        while width < columns {
            append(UInt8(ascii: " "))
            width += 1
        }
    }
}
