import Glibc
package import Kernel

extension Timestamp {
    /// The moment by the system's clock.
    ///
    /// Lives here, out of reach of every Domain: time reaches a decision as a value.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(unixMicroseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
