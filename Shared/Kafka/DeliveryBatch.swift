import CRDKafka
import Synchronization

/// The acknowledgements that one `send` waits for: a countdown with a slot for each record.
///
/// The address of a record's slot is the opaque pointer of its message, so that a delivery report needs no
/// lookup and no allocation.
final class DeliveryBatch: Sendable {
    typealias Answer = Result<[Delivery], KafkaError>

    struct Slot {
        let batch: Unmanaged<DeliveryBatch>
        var partition: Int32 = -1
        var offset: Int64 = -1
        var error: KafkaError?
    }

    /// One is written by one thread only, the sender's or the one that brings its report; the countdown orders those
    /// writes before the read at its end.
    nonisolated(unsafe) let slots: UnsafeMutableBufferPointer<Slot>
    private let unanswered: Atomic<Int>
    /// Of the one who waits, until there is an answer.
    private let continuation = Mutex<CheckedContinuation<Answer, Never>?>(nil)

    init(count: Int) {
        slots = .allocate(capacity: count)
        unanswered = Atomic(count)
        slots.initialize(repeating: Slot(batch: Unmanaged.passUnretained(self)))
    }

    deinit {
        slots.deinitialize()
        slots.deallocate()
    }

    /// Has the records queued and waits for the last answer; to be called once.
    ///
    /// The batch keeps itself alive until every record is answered.
    ///
    /// - Parameter enqueue: gives each record its slot, or refuses it.
    func answer(enqueue: () -> Void) async -> Answer {
        await withCheckedContinuation { continuation in
            self.continuation.withLock { $0 = continuation }
            _ = Unmanaged.passRetained(self)
            enqueue()
        }
    }

    /// Lets the sender go with `.closed`, if it still waits: the client has ended, and reports that it had not brought by
    /// then are lost with it.
    ///
    /// A client that was left behind may bring them all the same. So what they write to is never freed.
    func abandon() { resume(.failure(.closed)) }

    /// Records that the sender couldn't even queue: every slot from `first` on has this answer.
    func refuse(from first: Int, _ error: KafkaError) {
        for index in first..<slots.count { slots[index].error = error }
        countDown(by: slots.count - first)
    }

    /// Takes a delivery report; called by librdkafka's background thread, once for each queued record unless the client
    /// ends before.
    static func answer(_ message: rd_kafka_message_t, error: KafkaError?) {
        guard let slot = message._private?.assumingMemoryBound(to: Slot.self) else { return }
        slot.pointee.partition = message.partition
        slot.pointee.offset = message.offset
        slot.pointee.error = error
        slot.pointee.batch.takeUnretainedValue().countDown(by: 1)
    }

    private func countDown(by count: Int) {
        let left = unanswered.subtract(count, ordering: .acquiringAndReleasing).newValue
        guard left == 0 else { return }
        resume(answer)
        Unmanaged.passUnretained(self).release()
    }

    private func resume(_ answer: Answer) {
        continuation.withLock { $0.take() }?.resume(returning: answer)
    }

    private var answer: Answer {
        if let error = slots.lazy.compactMap(\.error).first { return .failure(error) }
        return .success(slots.map { Delivery(partition: $0.partition, offset: $0.offset) })
    }
}
