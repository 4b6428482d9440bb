import Foundation
import Kernel
import Observability
import Testing

@Suite("Log lines")
struct LogHandlerTests {
    let order = "01890a5d-ac96-774b-bcce-b302099a8057"
    let time: Timestamp

    init() throws { time = try #require(Timestamp("2026-11-21T12:00:01.102Z")) }

    /// What `write` sends through a handler on a pipe.
    func output(_ make: (LogSink) -> any LogHandler, _ write: (Logger) -> Void) throws -> String {
        let pipe = Pipe()
        let time = time
        let sink = LogSink(descriptor: pipe.fileHandleForWriting.fileDescriptor) { time }
        write(Logger(label: "orders", level: .debug, handler: make(sink)))
        try pipe.fileHandleForWriting.close()
        return String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }

    func pretty(color: Bool = false, _ write: (Logger) -> Void) throws -> String {
        try output({ PrettyLogHandler(service: "orders", usesColor: color, sink: $0) }, write)
    }

    func json(_ write: (Logger) -> Void) throws -> String {
        try output({ JSONLogHandler(service: "orders", sink: $0) }, write)
    }

    @Test func `a step of an order stands in columns`() throws {
        let lines = try pretty { $0.flow(.published, order: order, "orders.created", detail: "p2@41") }
        #expect(lines == "orders         12:00:01.102 ▶ 8057  orders.created                     p2@41\n")
        let bare = try pretty { $0.flow(.ended, order: order, "orders.confirmed") }
        #expect(bare == "orders         12:00:01.102 ■ 8057  orders.confirmed\n")
    }

    @Test func `anything else is a phrase and its metadata`() throws {
        let lines = try pretty { logger in
            logger.info("listening", metadata: ["http.port": "8080", "http.host": "::1"])
            logger.warning("kafka is away", metadata: [LogKey.attempt: "3"])
        }
        #expect(
            lines == """
                orders         12:00:01.102 · listening  http.host=::1  http.port=8080
                orders         12:00:01.102 ! kafka is away  attempt=3

                """)
    }

    @Test func `an order keeps its colour and nothing else of a step has one`() throws {
        let first = try pretty(color: true) { $0.flow(.request, order: order, "POST /v1/orders") }
        let second = try pretty(color: true) { $0.flow(.ended, order: order, "orders.confirmed") }
        let id = try #require(first.firstMatch(of: /\u{1B}\[\d+m8057\u{1B}\[0m/))
        #expect(second.contains(id.output))
        #expect(first.split(separator: "\u{1B}").count == 3)
    }

    @Test func `colour is for terminals, or forced, and NO_COLOR wins`() {
        let sink = LogSink(descriptor: -1)
        #expect(!PrettyLogHandler.wantsColor(environment: [:], sink: sink))
        #expect(PrettyLogHandler.wantsColor(environment: ["FORCE_COLOR": "1"], sink: sink))
        #expect(!PrettyLogHandler.wantsColor(environment: ["FORCE_COLOR": "1", "NO_COLOR": "1"], sink: sink))
        #expect(PrettyLogHandler.wantsColor(environment: ["FORCE_COLOR": "1", "NO_COLOR": ""], sink: sink))
    }

    @Test func `a value can't forge a line`() throws {
        let evil = "x\n{\"level\":\"error\"}\u{1B}[2J\u{7F}"
        let lines = try pretty { $0.info("refused", metadata: ["name": evil]) }
        #expect(lines.split(separator: "\n").count == 1)
        #expect(!lines.contains("\u{1B}"))
        #expect(try json { $0.info("refused", metadata: ["name": evil]) }.split(separator: "\n").count == 1)
    }

    @Test func `a JSON line is one object with everything in it`() throws {
        struct Line: Decodable, Equatable {
            let ts, level, service, msg, name: String
        }
        let name = "a \"quote\", a \\, a tab\t, a line\nend, a bell\u{7}, ü and 🎲"
        let line = try json { $0.error("it failed", metadata: ["name": name]) }
        #expect(
            line.hasPrefix("{\"ts\":\"2026-11-21T12:00:01.102Z\",\"level\":\"error\",\"service\":\"orders\",")
        )
        let decoded = try JSONDecoder().decode(Line.self, from: Data(line.utf8))
        let expected = Line(
            ts: "2026-11-21T12:00:01.102Z", level: "error", service: "orders", msg: "it failed", name: name)
        #expect(decoded == expected)
    }

    @Test func `a step in JSON has the keys of its metadata`() throws {
        let line = try json {
            $0.flow(.refused, order: order, "payments.declined", detail: "insufficient_funds")
        }
        let object = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))
        #expect(object[LogKey.orderID] == order)
        #expect(object[LogKey.eventType] == "payments.declined")
        #expect(object[FlowKey.step] == "✖")
    }

    @Test func `a very long value is cut between characters`() throws {
        let line = try json { $0.info("long", metadata: ["name": "x" + String(repeating: "ü", count: 4000)]) }
        #expect(String(validating: line.utf8, as: UTF8.self) != nil)
        #expect(line.utf8.count < 4300)
    }

    @Test func `below the level nothing is even evaluated`() throws {
        var evaluated = 0
        let lines = try json { logger in
            logger.trace("x", metadata: ["n": "\((evaluated += 1, 1).1)"])
            var quiet = logger
            quiet.logLevel = .warning
            quiet.flow(.request, order: order, "POST /v1/orders")
        }
        #expect(lines.isEmpty)
        #expect(evaluated == 0)
    }

    @Test func `a reader that has gone costs lines, not the process`() {
        let logger = Logger(
            label: "orders", handler: JSONLogHandler(service: "orders", sink: LogSink(descriptor: -1)))
        logger.info("into the void")
    }

    @Test func `a logger's own metadata goes on every line, and a line's wins`() {
        let handler = InMemoryLogHandler()
        var logger = Logger(label: "orders", handler: handler)
        logger[metadataKey: "a"] = "1"
        logger[metadataKey: "b"] = "2"
        logger.info("x", metadata: ["b": "3"])
        #expect(handler.lines.map(\.metadata) == [["a": "1", "b": "3"]])
    }
}
