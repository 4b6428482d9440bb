import Dispatch
import Synchronization

/// The jobs waiting for the thread of a `ThreadExecutor`, first in, first out.
///
/// Unlimited on purpose: a job is a task that has already been let in, and refusing it would leave it
/// suspended for ever. What bounds it is the number of tasks that use the actor.
final class JobQueue: Sendable {
    /// A job keeps its executor, so that the executor lives for as long as something is to be run on it.
    typealias Entry = (job: UnownedJob, executor: ThreadExecutor)

    private struct State {
        var jobs: [Entry] = []
        var isFinished = false
        /// Whether the thread sleeps and nobody has woken it yet.
        var isWaiting = false

        /// Whether the thread has to be woken now; awake, it needs no system call.
        mutating func needsWakeUp() -> Bool {
            defer { isWaiting = false }
            return isWaiting
        }
    }

    private let state = Mutex(State())
    /// Signalled once for each time that the thread went to sleep.
    private let wakeUp = DispatchSemaphore(value: 0)

    func append(_ entry: Entry) {
        let needsWakeUp = state.withLock { state in
            state.jobs.append(entry)
            return state.needsWakeUp()
        }
        // Woken under the lock, the thread would only run into it.
        if needsWakeUp { wakeUp.signal() }
    }

    /// Lets the thread end when it has nothing left to do.
    func finish() {
        let needsWakeUp = state.withLock { state in
            state.isFinished = true
            return state.needsWakeUp()
        }
        if needsWakeUp { wakeUp.signal() }
    }

    /// Waits for jobs and swaps them for the caller's emptied buffer, so that neither array is allocated
    /// anew.
    ///
    /// - Returns: false when there is nothing left and nothing can come.
    func take(into batch: inout [Entry]) -> Bool {
        while true {
            let isFinished = state.withLock { state in
                swap(&state.jobs, &batch)
                state.isWaiting = batch.isEmpty && !state.isFinished
                return state.isFinished
            }
            if !batch.isEmpty { return true }
            if isFinished { return false }
            wakeUp.wait()
        }
    }
}
