import Postgres
import Synchronization

/// Group commit without a timer: one writer takes whatever queued while its last transaction committed.
///
/// Alone, a request is written at once; under load the batches grow by themselves. The writer is a loop that the service
/// runs (`run()`); requests are never written by the tasks that bring them, so a client that leaves takes nothing along.
package final class GroupCommit<Request: Sendable, Response: Sendable>: Sendable {
    /// Writes a batch in one transaction and answers each request in its place.
    ///
    /// Throwing fails the whole batch. It is then bisected, so that one bad request can't fail its neighbours; but not
    /// after a transient `PostgresError`, which would hit each of them: all get it, and may be repeated by their keys.
    package typealias Write = @Sendable ([Request]) async throws -> [Response]

    /// A class: what is generic here is so at run time, too, where each copy of a structure costs a look at its type.
    private final class Waiting: Sendable {
        let request: Request
        let continuation: CheckedContinuation<Response, any Error>

        init(request: Request, continuation: CheckedContinuation<Response, any Error>) {
            self.request = request
            self.continuation = continuation
        }
    }

    private struct State {
        var queue: [Waiting] = []
        var closed = false
    }

    private let batchMax: Int
    private let waitingMax: Int
    private let write: Write
    private let state = Mutex(State())
    private let signal = Signal()

    /// - Parameters:
    ///   - batchMax: the most requests in one transaction; past the default a batch only holds its locks longer.
    ///   - waitingMax: the most that may wait; one more is refused with `OverloadedError`.
    package init(batchMax: Int = 1024, waitingMax: Int, write: @escaping Write) {
        self.batchMax = batchMax
        self.waitingMax = waitingMax
        self.write = write
    }

    /// How many wait to be written.
    var waiting: Int { state.withLock { $0.queue.count } }

    /// Waits until `request` is durable or refused.
    ///
    /// - Throws: `OverloadedError` when too many wait already or the service is stopping; else what `write` threw.
    package func submit(_ request: Request) async throws -> Response {
        try await withCheckedThrowingContinuation { continuation in
            let accepted = state.withLock { state in
                guard !state.closed, state.queue.count < waitingMax else { return false }
                state.queue.append(Waiting(request: request, continuation: continuation))
                return true
            }
            guard accepted else { return continuation.resume(throwing: OverloadedError()) }
            signal.wake()
        }
    }

    /// Writes until `close()`, and then what still waits.
    package func run() async {
        while true {
            await boarding()
            let (batch, closed) = state.withLock { state in
                let batch = Array(state.queue.prefix(batchMax))
                state.queue.removeFirst(batch.count)
                return (batch, state.closed)
            }
            if batch.isEmpty {
                if closed { return }
                await signal.wait()
            } else {
                await commit(batch[...])
            }
        }
    }

    /// Refuses new requests; `run()` returns when those already waiting are answered.
    package func close() {
        state.withLock { $0.closed = true }
        signal.wake()
    }

    /// Lets on board who is about to submit: tasks that can run now run before this one goes on.
    ///
    /// Nothing is waited for. Where nobody is on the way, as on an idle service, it takes microseconds; where a hundred
    /// answers have just come, they share one transaction and not one with the first and one with the rest.
    private func boarding() async {
        var boarded = 0
        var idleYields = 0
        while idleYields < 2, boarded < batchMax {
            await Task.yield()
            let waiting = waiting
            idleYields = waiting > boarded ? 0 : idleYields + 1
            boarded = waiting
        }
    }

    private func commit(_ batch: ArraySlice<Waiting>) async {
        do {
            let responses = try await write(batch.map { $0.request })
            precondition(responses.count == batch.count, "a group commit answers each of its requests")
            for (waiting, response) in zip(batch, responses) {
                waiting.continuation.resume(returning: response)
            }
        } catch {
            let hitsAll = (error as? PostgresError)?.classification == .transient
            guard batch.count > 1, !hitsAll else {
                for waiting in batch { waiting.continuation.resume(throwing: error) }
                return
            }
            let middle = batch.startIndex + batch.count / 2
            await commit(batch[..<middle])
            await commit(batch[middle...])
        }
    }
}

/// More waits than may wait: the caller answers 503 with `Retry-After`, and nothing was done.
package struct OverloadedError: Error {
    package init() {}
}
