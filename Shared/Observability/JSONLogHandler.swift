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
        append(jsonString: value.cutForLog)
    }
}
