internal import BlockingIO
internal import CPostgres
internal import Synchronization

/// Where a connection stands after its last call.
enum ConnectionStatus: Sendable {
    case idle
    case inTransaction
    /// In a transaction that can only be rolled back.
    case inFailedTransaction
    /// Lost, given up or closed.
    case unusable
}

/// What other threads may know of a connection, and how they interrupt the call it is in.
///
/// A cancellation can come before, in or after the call it is meant for; the gate lets it through only to
/// that one, so it never hits the next.
final class CallGate: Sendable {
    private struct State {
        var call: UInt64 = 0
        var isInCall = false
        var isInterrupted = false
        var status = ConnectionStatus.unusable
        var socket: Int32 = -1
    }

    let interrupt: Interrupt
    private let state = Mutex(State())

    init() throws(SystemError) { interrupt = try Interrupt() }

    var status: ConnectionStatus { state.withLock { $0.status } }

    /// Whether the server has said nothing since the last answer; between calls it has nothing to say but
    /// goodbye.
    ///
    /// To be asked only by the one who has the connection to himself, between two calls: nobody else touches
    /// the socket then.
    var isQuiet: Bool {
        let (status, socket) = state.withLock { ($0.status, $0.socket) }
        return status != .unusable && cpg_wait(socket, 1, 0, -1, 0) == 0
    }

    func connected(_ socket: Int32) {
        state.withLock { ($0.status, $0.socket) = (.idle, socket) }
    }

    /// Opens the gate for one call and gives its number.
    func begin() -> UInt64 {
        state.withLock {
            $0.call += 1
            $0.isInCall = true
            return $0.call
        }
    }

    func end(_ status: ConnectionStatus) {
        state.withLock {
            if $0.isInterrupted { interrupt.drain() }
            $0.isInCall = false
            $0.isInterrupted = false
            $0.status = status
        }
    }

    /// Interrupts this call if it is still the one under way.
    func cancel(_ call: UInt64) {
        state.withLock {
            guard $0.isInCall, $0.call == call else { return }
            $0.isInterrupted = true
            interrupt.wake()
        }
    }
}
