import Kernel

/// Since when the oldest event waits that a relay knows of: one in flight to Kafka, or one that this process wrote since.
///
/// What a new leader finds, or a rewind brings, waits since it was read.
struct EventWait {
    private var sent: Timestamp?
    private var written: Timestamp?

    mutating func write(at now: @autoclosure () -> Timestamp) { if written == nil { written = now() } }

    /// A window with all that was written until now is on its way; also once more, where the last did not arrive.
    mutating func send(oldest: Timestamp) {
        sent = [sent, written, oldest].compactMap { $0 }.min()
        written = nil
    }

    mutating func acknowledge() { sent = nil }

    /// How long the oldest has waited; zero where none does.
    func age(at now: Timestamp) -> Duration {
        max(.zero, [sent, written].compactMap { $0 }.min().map { now.since($0) } ?? .zero)
    }
}
