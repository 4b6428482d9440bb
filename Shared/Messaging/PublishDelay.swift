import Kernel

/// How long events wait for Kafka's acknowledgement, and whether that means that there is too much to do.
///
/// A crowd that waits although Kafka answers does. Nothing else: a few may be unlucky, and while Kafka is away
/// events are to be kept for it.
struct PublishDelay {
    static let limit = Duration.milliseconds(700)
    /// The fewest events of a crowd.
    static let crowd = 200
    /// Kafka is away when it has acknowledged nothing for as long.
    static let absence = Duration.seconds(2)

    /// When the oldest event of the crowd in flight was written, at the earliest.
    private var oldest: Timestamp?
    /// How long the oldest of the last crowd had waited when it was acknowledged.
    private var waited = Duration.zero
    private var acknowledged: Timestamp

    /// Nothing waits.
    init(at now: Timestamp) { acknowledged = now }

    mutating func send(_ count: Int, oldest: Timestamp) {
        self.oldest = count >= Self.crowd ? oldest : nil
    }

    mutating func acknowledge(at now: Timestamp) {
        waited = oldest.map { now.since($0) } ?? .zero
        (oldest, acknowledged) = (nil, now)
    }

    func isTooLong(at now: Timestamp) -> Bool {
        let longest = max(waited, oldest.map { now.since($0) } ?? .zero)
        return longest > Self.limit && now.since(acknowledged) < Self.absence
    }
}
