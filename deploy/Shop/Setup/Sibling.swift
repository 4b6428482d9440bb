import Glibc

/// Another program of the shop, in the folder where this one lies.
struct Sibling: Sendable {
    let name: String

    /// Runs the program to its end; what it writes is shown only where it fails.
    ///
    /// Blocks its thread, which nobody else needs meanwhile.
    ///
    /// - Parameter environment: all that the program gets to see.
    /// - Throws: `Failure` with its last line.
    func run(_ words: [String], environment: [String: String]) throws(Failure) {
        let own = executablePath()
        let path = String(own[..<(own.lastIndex(of: "/") ?? own.startIndex)]) + "/\(name)"
        guard access(path, X_OK) == 0 else { throw Failure("\(path) is missing: build the whole project") }
        let (status, output) = try spawn(path, words, environment)
        guard status != 0 else { return }
        let last = output.split(separator: "\n").last.map { String($0).oneLine } ?? "it said nothing"
        throw Failure("`\(name) \(words.joined(separator: " "))` failed: \(last)")
    }

    private func spawn(
        _ path: String, _ words: [String], _ environment: [String: String]
    ) throws(Failure) -> (status: Int32, output: String) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure("no pipe for \(name): \(errorText(errno))") }
        defer { close(ends[0]) }
        // Or the program would hold the ends as well, and we would wait for its end of output for ever.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO)
        let arguments = cStrings([path] + words)
        let variables = cStrings(environment.map { "\($0)=\($1)" })
        defer { for text in arguments + variables { free(text) } }
        var process = pid_t()
        let code = posix_spawn(&process, path, &actions, nil, arguments, variables)
        close(ends[1])
        guard code == 0 else { throw Failure("\(path) can't be started: \(errorText(code))") }
        let output = readAll(ends[0])
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return (status, output)
    }

    private func cStrings(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        texts.map { strdup($0) } + [nil]
    }

    /// Everything up to the end, of which the last 64 kB are kept.
    private func readAll(_ descriptor: Int32) -> String {
        var kept: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return String(decoding: kept, as: UTF8.self) }
            kept = (kept + buffer.prefix(count)).suffix(65_536)
        }
    }

    private func errorText(_ code: Int32) -> String { String(cString: strerror(code)) }
}
