#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The jobs waiting for the thread of a `ThreadExecutor`, first in, first out.
///
/// Unlimited on purpose: a job is a task that has already been let in, and refusing it would leave it
/// suspended for ever. What bounds it is the number of tasks that use the actor.
///
/// Unchecked: `jobs`, `isFinished` and `isWaiting` are touched only with `mutex` held.
final class JobQueue: @unchecked Sendable {
    /// A job keeps its executor, so that the executor lives for as long as something is to be run on it.
    typealias Entry = (job: UnownedJob, executor: ThreadExecutor)

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [Entry] = []
    private var isFinished = false
    /// Whether the thread sleeps and nobody has woken it yet.
    private var isWaiting = false

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func append(_ entry: Entry) {
        pthread_mutex_lock(mutex)
        jobs.append(entry)
        // Woken under the lock, the thread would only run into it; awake, it needs no system call.
        let needsWakeUp = isWaiting
        isWaiting = false
        pthread_mutex_unlock(mutex)
        if needsWakeUp { pthread_cond_signal(condition) }
    }

    /// Lets the thread end when it has nothing left to do.
    func finish() {
        pthread_mutex_lock(mutex)
        isFinished = true
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Waits for jobs and swaps them for the caller's emptied buffer, so that neither array is allocated
    /// anew.
    ///
    /// - Returns: false when there is nothing left and nothing can come.
    func take(into batch: inout [Entry]) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while jobs.isEmpty {
            guard !isFinished else { return false }
            isWaiting = true
            pthread_cond_wait(condition, mutex)
            isWaiting = false
        }
        swap(&jobs, &batch)
        return true
    }
}
