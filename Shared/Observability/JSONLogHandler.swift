import Kernel

/// Writes each line as one JSON object: `ts`, `level`, `service`, `msg`, then the metadata under its own
/// keys.
package struct JSONLogHandler: LogHandler {
    private let service: String
    private let sink: LogSink

    package init(service: String, sink: LogSink) {
        self.service = service
        self.sink = sink
    }

    package func log(label: String, level: Logger.Level, message: String, metadata: Logger.Metadata) {
        sink.write { line, time in
            line.append(contentsOf: "{\"ts\":\"".utf8)
            line.append(contentsOf: time.description.utf8)
            line.append(contentsOf: "\",\"level\":\"".utf8)
            line.append(contentsOf: level.rawValue.utf8)
            line.append(contentsOf: "\",\"service\":".utf8)
            line.append(jsonString: service)
            if label != service { line.append(member: "logger", label) }
            line.append(member: "msg", message)
            for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { line.append(member: key, value) }
            line.append(UInt8(ascii: "}"))
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(member name: String, _ value: String) {
        append(UInt8(ascii: ","))
        append(jsonString: name)
        append(UInt8(ascii: ":"))
        append(jsonString: value)
    }

    /// A string as JSON has it; whatever isn't a control character, a quote or a backslash stays as it is.
    fileprivate mutating func append(jsonString text: String) {
        append(UInt8(ascii: "\""))
        let bytes = text.cutForLog.utf8
        // Nearly all strings: copied in one go.
        let isPlain = bytes.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        if isPlain { append(contentsOf: bytes) } else { append(escaping: bytes) }
        append(UInt8(ascii: "\""))
    }

    private mutating func append(escaping bytes: some Sequence<UInt8>) {
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case UInt8(ascii: "\n"): append(contentsOf: "\\n".utf8)
            case 0..<0x20:
                append(contentsOf: (byte < 16 ? "\\u000" : "\\u00").utf8)
                append(contentsOf: String(byte, radix: 16).utf8)
            default: append(byte)
            }
        }
    }
}
