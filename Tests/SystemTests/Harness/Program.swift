import Foundation
import Synchronization
import TestSupport

/// One of the shop's programs as a running process, whose output goes to the end of a file.
final class Program: Sendable {
    let name: String
    let pid: Int32
    let log: URL
    private let process: Process
    private let janitor: Janitor

    struct NotThere: Error, CustomStringConvertible {
        let path: String
        var description: String {
            "\(path) isn't there: build the whole package, `swift build --build-tests`"
        }
    }

    /// The folder with the programs: that of the tests, since one build makes both.
    static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    /// - Parameter environment: all that the program gets to see.
    static func start(
        _ name: String, _ words: [String] = [], environment: [String: String], log: URL, janitor: Janitor
    ) throws -> Program {
        let path = folder.appendingPathComponent(name)
        guard FileManager.default.isExecutableFile(atPath: path.path) else { throw NotThere(path: path.path) }
        if !FileManager.default.fileExists(atPath: log.path) {
            _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        }
        let output = try FileHandle(forWritingTo: log)
        defer { try? output.close() }
        try output.seekToEnd()
        let process = Process()
        process.executableURL = path
        process.arguments = words
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        janitor.watch(process.processIdentifier)
        return Program(name: name, log: log, process: process, janitor: janitor)
    }

    private init(name: String, log: URL, process: Process, janitor: Janitor) {
        self.name = name
        self.pid = process.processIdentifier
        self.log = log
        self.process = process
        self.janitor = janitor
    }

    var isRunning: Bool { process.isRunning }

    /// Sends a signal, unless the process has ended.
    func signal(_ number: Int32) { if process.isRunning { kill(pid, number) } }

    /// Waits for its end.
    ///
    /// - Returns: its exit code, or the signal that ended it, negative.
    @discardableResult
    func ended(within limit: Duration = .seconds(20)) async throws -> Int32 {
        try await eventually("\(name) ends", within: limit) { !process.isRunning }
        janitor.forget(pid)
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }
}

/// Ends processes that a test run which was killed has left behind.
///
/// A shell that knows their pids, and reads from us: the end of its input is our end.
final class Janitor: Sendable {
    private let process: Process
    private let input: Mutex<FileHandle>

    init() throws {
        let pipe = Pipe()
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = [
            "-c",
            """
            trap '' INT TERM HUP
            pids=' '
            while read -r what pid; do
                case $what in
                    watch) pids="$pids$pid " ;;
                    forget) pids="${pids%% $pid *} ${pids#* $pid }" ;;
                esac
            done
            for pid in $pids; do kill -KILL "$pid"; done
            """,
        ]
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        input = Mutex(pipe.fileHandleForWriting)
    }

    func watch(_ pid: Int32) { tell("watch \(pid)\n") }

    /// Once it has ended, its pid may be another's.
    func forget(_ pid: Int32) { tell("forget \(pid)\n") }

    func close() { input.withLock { try? $0.close() } }

    private func tell(_ line: String) {
        input.withLock { try? $0.write(contentsOf: Data(line.utf8)) }
    }
}
