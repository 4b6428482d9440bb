import CRDKafka
import Synchronization

/// Ends a consumer's wait for records from another thread.
final class WakeUp: Sendable {
    private struct State {
        var queue: SharedPointer?
        var isClosing = false
    }

    private let state: Mutex<State>

    /// - Parameter queue: the consumer's queue; the reference is this object's from here on.
    init(queue: OpaquePointer?) {
        state = Mutex(State(queue: queue.map(SharedPointer.init)))
    }

    var isClosing: Bool { state.withLock(\.isClosing) }

    func wake() {
        state.withLock { state in
            if let queue = state.queue { rd_kafka_queue_yield(queue.pointer) }
        }
    }

    /// Ends the wait for good: no poll begins after this.
    func beginClosing() {
        state.withLock { state in
            state.isClosing = true
            if let queue = state.queue { rd_kafka_queue_yield(queue.pointer) }
        }
    }

    /// Gives the queue back, before the client is destroyed; later calls do nothing.
    func retire() {
        state.withLock { state in
            if let queue = state.queue { rd_kafka_queue_destroy(queue.pointer) }
            state.queue = nil
        }
    }
}
