import Synchronization

/// A wake-up that is never lost and never counted: many `wake()`s before a `wait()` are one.
///
/// One task waits; anyone wakes. This is what makes a relay start the moment a transaction has committed, where a
/// polling interval would add its half to every hop of every order.
package final class Signal: Sendable {
    private struct State {
        var isSet = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    package func wake() {
        let waiter = state.withLock { state in
            let waiter = state.waiter
            state.waiter = nil
            state.isSet = waiter == nil
            return waiter
        }
        waiter?.resume()
    }

    /// Returns after the next `wake()`, or at once where one came since the last `wait()`.
    ///
    /// For one waiting task.
    package func wait() async {
        await withCheckedContinuation { continuation in
            let ready = state.withLock { state in
                precondition(state.waiter == nil, "two tasks wait for one signal")
                if state.isSet {
                    state.isSet = false
                    return true
                }
                state.waiter = continuation
                return false
            }
            if ready { continuation.resume() }
        }
    }
}

/// Wakes a signal at a steady pace: the slow poll that finds what another instance wrote, and the pulse of sweeps.
package func pulse(_ signal: Signal, every interval: Duration, until stop: StopFlag) async {
    while !stop.isSet, !Task.isCancelled {
        await stop.sleep(interval)
        signal.wake()
    }
    signal.wake()
}

/// Says to loops that they shall end after what they have in hand.
///
/// Set once, never cleared.
package final class StopFlag: Sendable {
    private struct Sleepers {
        var tasks: [UInt64: Task<Void, Never>] = [:]
        var last: UInt64 = 0
    }

    private let flag = Atomic(false)
    private let sleepers = Mutex(Sleepers())

    package init() {}

    package var isSet: Bool { flag.load(ordering: .acquiring) }

    package func set() {
        flag.store(true, ordering: .releasing)
        for sleeper in sleepers.withLock({ Array($0.tasks.values) }) { sleeper.cancel() }
    }

    /// Sleeps for `duration`, or until a stop or the cancellation of the task: loops around it look at both.
    package func sleep(_ duration: Duration) async {
        let sleeper = Task { _ = try? await Task.sleep(for: duration) }
        let id = sleepers.withLock { sleepers in
            sleepers.last += 1
            sleepers.tasks[sleepers.last] = sleeper
            return sleepers.last
        }
        // A stop that came before the sleeper was known has not ended it.
        if isSet { sleeper.cancel() }
        await withTaskCancellationHandler {
            await sleeper.value
        } onCancel: {
            sleeper.cancel()
        }
        sleepers.withLock { $0.tasks[id] = nil }
    }
}
