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
    private let continuation: CheckedContinuation<Answer, Never>

    /// Makes a batch that keeps itself alive until the last record is answered.
    static func make(count: Int, _ continuation: CheckedContinuation<Answer, Never>) -> DeliveryBatch {
        let batch = DeliveryBatch(count: count, continuation)
        _ = Unmanaged.passRetained(batch)
        return batch
    }

    private init(count: Int, _ continuation: CheckedContinuation<Answer, Never>) {
        slots = .allocate(capacity: count)
        unanswered = Atomic(count)
        self.continuation = continuation
        slots.initialize(repeating: Slot(batch: Unmanaged.passUnretained(self)))
    }

    deinit {
        slots.deinitialize()
        slots.deallocate()
    }

    /// Records that the sender couldn't even queue: every slot from `first` on has this answer.
    func refuse(from first: Int, _ error: KafkaError) {
        for index in first..<slots.count { slots[index].error = error }
        countDown(by: slots.count - first)
    }

    /// Takes a delivery report; called by librdkafka's background thread, exactly once for each queued
    /// record.
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
        continuation.resume(returning: answer)
        Unmanaged.passUnretained(self).release()
    }

    private var answer: Answer {
        if let error = slots.lazy.compactMap(\.error).first { return .failure(error) }
        return .success(slots.map { Delivery(partition: $0.partition, offset: $0.offset) })
    }
}
