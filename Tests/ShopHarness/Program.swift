package import Foundation
import Glibc
import Synchronization
import TestSupport

/// One of the shop's programs as a running process, whose output goes to the end of a file.
package final class Program: Sendable {
    package let name: String
    package let pid: Int32
    private let janitor: Janitor
    /// What `waitpid` told; nil while it runs.
    private let status = Mutex<Int32?>(nil)

    package struct NotStarted: Error, CustomStringConvertible {
        let path: String
        let code: Int32
        package var description: String {
            "\(path) does not start (\(String(cString: strerror(code)))): build all, `swift build --build-tests`"
        }
    }

    /// The folder with the programs: that of the tests, since one build makes both.
    package static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    /// - Parameters:
    ///   - name: one of the shop's programs, or the path of another.
    ///   - environment: all that the program gets to see.
    package init(
        _ name: String, _ words: [String] = [], environment: [String: String], log: URL, janitor: Janitor
    ) throws {
        self.name = name
        self.janitor = janitor
        let path = name.hasPrefix("/") ? name : Self.folder.appendingPathComponent(name).path
        pid = try spawn(path, words, environment: environment, input: nil, output: log.path)
        janitor.watch(pid)
    }

    /// Whether it has not ended; asking is what buries it.
    package var isRunning: Bool {
        status.withLock { status in
            guard status == nil else { return false }
            var told: Int32 = 0
            guard waitpid(pid, &told, WNOHANG) == pid else { return true }
            janitor.forget(pid)
            status = told
            return false
        }
    }

    /// Sends a signal, unless the process has ended.
    package func signal(_ number: Int32) { if isRunning { kill(pid, number) } }

    /// Waits for its end.
    ///
    /// - Returns: its exit code, or the signal that ended it, negative.
    @discardableResult
    package func ended(within limit: Duration = .seconds(20)) async throws -> Int32 {
        try await eventually("\(name) ends", within: limit) { !isRunning }
        let told = status.withLock { $0 ?? 0 }
        return told & 0x7F == 0 ? told >> 8 & 0xFF : -(told & 0x7F)
    }
}

/// Ends processes that a test run which was killed has left behind.
///
/// A shell that knows their pids, and reads from us: the end of its input is our end.
package final class Janitor: Sendable {
    private let pid: Int32
    private let input: Mutex<FileHandle>

    package init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Program.NotStarted(path: "/bin/sh", code: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { Glibc.close(ends[0]) }
        let script = """
            trap '' INT TERM HUP
            pids=' '
            while read -r what pid; do
                case $what in
                    watch) pids="$pids$pid " ;;
                    forget) pids="${pids%% $pid *} ${pids#* $pid }" ;;
                esac
            done
            for pid in $pids; do kill -KILL "$pid"; done
            """
        pid = try spawn("/bin/sh", ["-c", script], environment: [:], input: ends[0], output: "/dev/null")
        input = Mutex(FileHandle(fileDescriptor: ends[1], closeOnDealloc: true))
    }

    package func watch(_ pid: Int32) { tell("watch \(pid)\n") }

    /// Once it has ended, its pid may be another's.
    package func forget(_ pid: Int32) { tell("forget \(pid)\n") }

    /// Sends it away; blocks for the moment that takes.
    package func close() {
        input.withLock { try? $0.close() }
        var told: Int32 = 0
        waitpid(pid, &told, 0)
    }

    private func tell(_ line: String) {
        input.withLock { try? $0.write(contentsOf: Data(line.utf8)) }
    }
}

/// Starts a program in a session of its own, as `deploy/up` does, so that Ctrl-C is ours to handle.
///
/// Linux shares out its processors by session (`sched(7)`, autogroup): in ours, the services would have to share one share
/// with hundreds of customers.
///
/// Not `Process` of Foundation: it learns of an end by a descriptor that siblings may have inherited, and then doesn't.
///
/// - Parameter input: nil for none.
private func spawn(
    _ path: String, _ words: [String], environment: [String: String], input: Int32?, output: String
) throws -> Int32 {
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    if let input {
        posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO)
    } else {
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    }
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    // POSIX_SPAWN_SETSID, which glibc's header shows only to those who ask for all of GNU.
    posix_spawnattr_setflags(&attributes, Int16(0x80 | POSIX_SPAWN_SETSIGMASK))
    let arguments = ([path] + words).map { strdup($0) } + [nil]
    let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var pid = pid_t()
    let code = posix_spawn(&pid, path, &files, &attributes, arguments, variables)
    guard code == 0 else { throw Program.NotStarted(path: path, code: code) }
    return pid
}
