import Glibc

/// Where the tool writes: answers to the standard output, everything else to the standard error.
struct Console: Sendable {
    /// One of the two streams; replaced in tests.
    private let write: @Sendable (_ text: String, _ isError: Bool) -> Void

    init(write: @escaping @Sendable (_ text: String, _ isError: Bool) -> Void) { self.write = write }

    /// The streams of the process; a closed pipe ends the process, as it should a filter, and so does a full disk: who
    /// gets no answer, or half of one, is not told that all went well.
    static let standard = Console { text, isError in
        guard let code = write(text, to: isError ? STDERR_FILENO : STDOUT_FILENO), !isError else { return }
        _ = write("shop: the answer can't be written: \(String(cString: strerror(code)))", to: STDERR_FILENO)
        ExitCode.failure.end()
    }

    /// Writes a line.
    ///
    /// - Returns: the `errno` of what could not be written; nil where all was.
    static func write(_ text: String, to descriptor: Int32) -> Int32? {
        var bytes = Array((text + "\n").utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 { bytes = bytes.dropFirst(count) } else if errno != EINTR { return errno }
        }
        return nil
    }

    func say(_ text: String) { write(text, false) }

    /// Progress and complaints, which are no part of the answer.
    func note(_ text: String) { write(text, true) }

    func show(_ table: Table, asJSON: Bool) { say(asJSON ? table.json : table.text) }
}
