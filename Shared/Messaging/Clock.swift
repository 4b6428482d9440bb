import Glibc
package import Kernel
import Synchronization

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

extension Identifier {
    /// A version 7 identifier of the given moment from the system's random numbers.
    package static func v7(at time: Timestamp) -> Identifier {
        // 64 bits are enough for a millisecond: the last dozen of them stands in both places.
        let random = randomWord()
        return v7(unixMilliseconds: time.unixMilliseconds, random: (random, random))
    }

    /// The system's random numbers that no identifier has yet.
    private static let drawn = Mutex<[UInt64]>([])

    /// Drawn by the dozen: a call of the system is dearer than all the rest of an identifier.
    private static func randomWord() -> UInt64 {
        drawn.withLock { words in
            if words.isEmpty {
                // As many bytes as one call may ask for.
                words = [UInt64](unsafeUninitializedCapacity: 256 / 8) { buffer, count in
                    let result = getentropy(buffer.baseAddress, 256)
                    precondition(result == 0, "the system has no random numbers")
                    count = 256 / 8
                }
            }
            return words.removeLast()
        }
    }
}
