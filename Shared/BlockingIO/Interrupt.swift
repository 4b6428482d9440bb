import Glibc

/// Wakes a thread that waits in `poll(2)`: the thread polls `descriptor` for reading beside its own
/// descriptors.
///
/// A wake-up is remembered until `drain()`, so one that comes before the wait isn't lost; any number of them
/// before a `drain()` count as one.
package final class Interrupt: Sendable {
    /// Readable when somebody has called `wake()`.
    ///
    /// Valid for the life of this object, which closes it.
    package let descriptor: Int32
    private let writeEnd: Int32

    /// - Throws: when the process is out of descriptors.
    package init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SystemError(call: "pipe", code: errno) }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        descriptor = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(descriptor)
        close(writeEnd)
    }

    /// Wakes the waiting thread; to be called from any thread, never blocks.
    package func wake() {
        var byte: UInt8 = 1
        // A full pipe refuses the byte: the thread is awake already.
        while write(writeEnd, &byte, 1) < 0 && errno == EINTR {}
    }

    /// Forgets all wake-ups so far.
    ///
    /// Call it after `poll(2)` said so and before looking at what was asked for.
    package func drain() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                guard count == buffer.count || (count < 0 && errno == EINTR) else { return }
            }
        }
    }
}
