import Glibc

/// A thread of its own for an actor whose C calls may block.
///
/// The pool that runs all other tasks has one thread per core, so a blocking call there stalls the process.
/// An actor returns `executor.asUnownedSerialExecutor()` as its `unownedExecutor` and keeps the executor in a
/// stored property; its methods then run on this thread one at a time, in the order they were called.
///
/// The thread ends by itself when the actor is gone and the last job has run: nothing needs to be stopped,
/// and a late call to a closed actor still gets its answer. An isolated loop has to suspend in each turn, or
/// no other method of its actor ever runs.
package final class ThreadExecutor: SerialExecutor {
    private let queue: JobQueue

    /// Starts the thread.
    ///
    /// - Parameter name: shown by `top -H` and debuggers; the system keeps its first 15 bytes.
    /// - Throws: when the system has no room for another thread; the caller can't go on without.
    package init(name: String) throws(SystemError) {
        queue = JobQueue()
        let start = Unmanaged.passRetained(ThreadStart(name: name, queue: queue))
        let code = startThread(start.toOpaque())
        guard code == 0 else {
            start.release()
            throw SystemError(call: "pthread_create", code: code)
        }
    }

    deinit { queue.finish() }

    package func enqueue(_ job: consuming ExecutorJob) {
        queue.append((UnownedJob(job), self))
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }
}

/// What a thread is born with.
///
/// It has no reference to the executor, or the executor would never go away.
private final class ThreadStart {
    let name: String
    let queue: JobQueue

    init(name: String, queue: JobQueue) {
        self.name = name
        self.queue = queue
    }

    func run() {
        blockSignals()
        nameCurrentThread(name)
        var batch: [JobQueue.Entry] = []
        while queue.take(into: &batch) {
            for entry in batch {
                entry.job.runSynchronously(on: entry.executor.asUnownedSerialExecutor())
            }
            batch.removeAll(keepingCapacity: true)
        }
    }
}

/// Signals belong to the threads that wait for them; here they would only interrupt C calls.
private func blockSignals() {
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, nil)
}

private func startThread(_ context: UnsafeMutableRawPointer) -> Int32 {
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { context in
            guard let context else { return nil }
            Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue().run()
            return nil
        }, context)
    if code == 0 { pthread_detach(thread) }
    return code
}

/// `pthread_setname_np` is a GNU extension that Swift doesn't see; the file does the same.
private func nameCurrentThread(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = write(file, bytes, bytes.count)
    close(file)
}
