/// How long to wait before the next attempt: exponential from 50 ms to 5 s, with full jitter, for ever.
///
/// Transient trouble (a database or a broker that is down) is down for every record, so a loop blocks and waits here
/// instead of giving up on one.
package struct Backoff: Sendable {
    package static let first = Duration.milliseconds(50)
    package static let longest = Duration.seconds(5)

    package private(set) var attempt = 0

    package init() {}

    /// The wait before the next attempt; each call counts one more.
    package mutating func next() -> Duration {
        let ceiling = min(Backoff.longest, Backoff.first * (1 << min(attempt, 10)))
        attempt += 1
        let share = Double.random(in: 0.1...1)
        return ceiling * share
    }

    package mutating func reset() { attempt = 0 }
}
