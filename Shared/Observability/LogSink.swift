import Glibc
package import Kernel
import Synchronization

/// A descriptor that log lines go to, one `write(2)` each, so that lines of several processes on one pipe
/// stay whole.
///
/// The call blocks while a pipe is full; what can't be written (the reader is gone) is dropped.
package final class LogSink: Sendable {
    private let descriptor: Int32
    private let clock: @Sendable () -> Timestamp
    /// The line being made; kept to spare an allocation for each.
    private let buffer = Mutex<[UInt8]>([])

    /// The standard output stream unless told otherwise; a test brings a pipe and a clock that stands still.
    package init(descriptor: Int32 = STDOUT_FILENO, clock: @escaping @Sendable () -> Timestamp = LogSink.now)
    {
        self.descriptor = descriptor
        self.clock = clock
    }

    /// Whether a person reads what is written here.
    package var isTerminal: Bool { isatty(descriptor) == 1 }

    /// Makes a line, to which a line end is added, and writes it.
    func write(_ make: (inout [UInt8], Timestamp) -> Void) {
        let time = clock()
        buffer.withLock { line in
            line.removeAll(keepingCapacity: true)
            make(&line, time)
            line.append(UInt8(ascii: "\n"))
            var written = 0
            while written < line.count {
                let count = line[written...].withUnsafeBytes {
                    Glibc.write(descriptor, $0.baseAddress, $0.count)
                }
                if count > 0 { written += count } else if errno != EINTR { return }
            }
        }
    }

    /// The system's time.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(unixMicroseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}

extension String {
    /// What goes on a line of a value: all of it, or of a very long one the first 4096 bytes.
    var cutForLog: String {
        let bytesMax = 4096
        return utf8.count <= bytesMax ? self : String(decoding: utf8.prefix(bytesMax), as: UTF8.self) + "…"
    }
}
