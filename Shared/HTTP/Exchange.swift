import CMicroHTTPD
import Synchronization

/// One request on its way to its answer.
///
/// libmicrohttpd keeps a retained reference in the connection; the completed callback gives it back, once.
/// What is marked as unsafe belongs to the daemon's thread; the connection may be resumed by any.
final class Exchange: Sendable {
    nonisolated(unsafe) let connection: OpaquePointer
    /// Without its body until that is complete.
    nonisolated(unsafe) var request: HTTPRequest
    nonisolated(unsafe) var route: Route?
    /// What to answer instead of calling the handler; the body is read and dropped then.
    nonisolated(unsafe) var refusal: Problem?
    /// The socket has to be read on after the answer, or closing it could destroy that (see `Linger`).
    nonisolated(unsafe) var mustLinger = false
    /// What its body and its answer count for in `ServerCore.bytesHeld`.
    nonisolated(unsafe) var bytesHeld = 0
    /// How much of the body has come, whether it was kept or not.
    nonisolated(unsafe) var bodyBytes = 0
    /// Its place among the exchanges in flight; only read and changed under the lock of their table.
    nonisolated(unsafe) var slot: Int?

    private let state: Mutex<State>

    private struct State {
        var phase = Phase.reading
        var task: Task<Void, Never>?
        var deadline: ContinuousClock.Instant
        var isCancelled = false
        /// When the handler began to work, and when it began to only wait.
        var begun: ContinuousClock.Instant?
        var waiting: ContinuousClock.Instant?
    }

    private enum Phase {
        case reading
        case running
        case answered(HTTPResponse)
        case ended
    }

    init(connection: OpaquePointer, request: HTTPRequest, deadline: ContinuousClock.Instant) {
        self.connection = connection
        self.request = request
        self.state = Mutex(State(deadline: deadline))
    }

    /// When the body must be complete; once the connection is suspended, when the handler must have answered.
    var deadline: ContinuousClock.Instant { state.withLock(\.deadline) }

    /// Suspends the connection: from here on `answer` must be called, and whoever calls it may be any thread.
    ///
    /// - Returns: the request, which the exchange gives up.
    func suspend(deadlineAfter time: Duration) -> HTTPRequest {
        let request = self.request
        self.request.body = []
        let now = ContinuousClock.now
        state.withLock { state in
            state.phase = .running
            state.begun = now
            state.deadline = now + time
        }
        // Before there is anyone to answer: a resume that overtook the suspension would be lost.
        MHD_suspend_connection(connection)
        return request
    }

    /// Hands the request to its handler.
    ///
    /// The task is not structured: it begins in a C callback, where nothing could be awaited. The table of
    /// exchanges holds it, the sweep cancels it at its deadline, and `HTTPServer.drain` waits for it.
    func run(_ request: HTTPRequest, on route: Route, router: Router) {
        let task = Task {
            self.answer(await router.respond(to: request, with: route))
        }
        let isWanted = state.withLock { state in
            guard case .running = state.phase else { return false }
            state.task = task
            return !state.isCancelled
        }
        if !isWanted { task.cancel() }
    }

    /// Gives the handler more time to answer, for most of which it only waits.
    func beginWait(at now: ContinuousClock.Instant, deadline: ContinuousClock.Instant) {
        state.withLock { state in
            state.waiting = now
            if case .running = state.phase { state.deadline = deadline }
        }
    }

    /// How long the handler has worked, up to where it only waits; nil for a request that didn't reach it.
    func work(at now: ContinuousClock.Instant) -> Duration? {
        state.withLock { state in state.begun.map { $0.duration(to: state.waiting ?? now) } }
    }

    /// Takes the answer and wakes the connection; all but the first answer are dropped.
    func answer(_ response: HTTPResponse) {
        let isFirst = state.withLock { state in
            guard case .running = state.phase else { return false }
            state.phase = .answered(response)
            state.task = nil
            return true
        }
        // A suspended connection can't end, so it is still there; only the first answer resumes it.
        if isFirst { MHD_resume_connection(connection) }
    }

    /// Tells the handler to stop, and leaves the answer to it.
    func cancel() { toldToStop()?.cancel() }

    /// Answers in the handler's place, and tells it to stop.
    ///
    /// In this order: a handler that answers as soon as it is cancelled would be the first.
    func expire(_ problem: Problem) {
        let task = toldToStop()
        answer(problem.response)
        task?.cancel()
    }

    private func toldToStop() -> Task<Void, Never>? {
        state.withLock { state in
            state.isCancelled = true
            return state.task
        }
    }

    /// The answer, for the daemon's thread to send; nil while there is none.
    func takeAnswer() -> HTTPResponse? {
        state.withLock { state in
            guard case .answered(let response) = state.phase else { return nil }
            state.phase = .ended
            return response
        }
    }
}

/// The exchanges whose handlers run or whose answers are on their way.
final class ExchangeTable: Sendable {
    private let table = Mutex(Table())

    private struct Place {
        let exchange: Exchange
        let importance: Route.Importance
        /// Since which turn it has only waited; nil while it works.
        var turn: UInt64?
    }

    private struct Table {
        var places: [Place?] = []
        var free: [Int] = []
        var isClosed = false
        /// By their turns, which grow; there is none before `oldest`.
        var waiting: [UInt64: Exchange] = [:]
        var oldest: UInt64 = 0
        var next: UInt64 = 0

        var count: Int { places.count - free.count }
        /// How many of each importance don't only wait.
        var working: [Route.Importance: Int] = [:]

        /// Whether `max` leaves a place for one more of that importance.
        func hasRoom(for importance: Route.Importance, max: Int) -> Bool {
            let changing = working[.ordinary, default: 0] + working[.high, default: 0]
            return switch importance {
            case .ordinary: changing < max
            case .high: changing < max * 2
            case .reading: working[.reading, default: 0] < Swift.max(max / 2, 1)
            case .vital: true
            }
        }

        /// Takes one out of those that wait; nil where it is none of them.
        mutating func endWait(_ turn: UInt64) -> Exchange? {
            let exchange = waiting.removeValue(forKey: turn)
            while oldest < next, waiting[oldest] == nil { oldest += 1 }
            return exchange
        }
    }

    var count: Int { table.withLock { $0.count } }

    /// How many of them only wait.
    var waiting: Int { table.withLock { $0.waiting.count } }

    /// Whether there is a place for an exchange where `max` of ordinary importance may be at work.
    func hasRoom(for exchange: Exchange, max: Int) -> Bool {
        table.withLock { $0.hasRoom(for: exchange.route?.importance ?? .ordinary, max: max) }
    }

    /// Takes an exchange in, unless the table is closed or too many are at work already.
    func insert(_ exchange: Exchange, max: Int) -> Bool {
        let importance = exchange.route?.importance ?? .ordinary
        return table.withLock { table in
            guard !table.isClosed, table.hasRoom(for: importance, max: max) else { return false }
            table.working[importance, default: 0] += 1
            let place = Place(exchange: exchange, importance: importance)
            if let slot = table.free.popLast() {
                table.places[slot] = place
                exchange.slot = slot
            } else {
                exchange.slot = table.places.count
                table.places.append(place)
            }
            return true
        }
    }

    func remove(_ exchange: Exchange) {
        table.withLock { table in
            guard let slot = exchange.slot, let place = table.places[slot] else { return }
            let onlyWaited = place.turn.map { table.endWait($0) != nil } ?? false
            if !onlyWaited { table.working[place.importance, default: 0] -= 1 }
            table.places[slot] = nil
            table.free.append(slot)
            exchange.slot = nil
        }
    }

    /// Counts an exchange among those that only wait; false where it is there already, or gone.
    func beginWait(_ exchange: Exchange) -> Bool {
        table.withLock { table in
            guard let slot = exchange.slot, let place = table.places[slot], place.turn == nil else {
                return false
            }
            table.places[slot]?.turn = table.next
            table.working[place.importance, default: 0] -= 1
            table.waiting[table.next] = exchange
            table.next += 1
            return true
        }
    }

    /// Takes out the one that has waited longest, where more than `max` wait: from here on it counts as at work, on its
    /// answer.
    func endLongestWait(beyond max: Int) -> Exchange? {
        table.withLock { table in
            guard table.waiting.count > max, let exchange = table.endWait(table.oldest) else { return nil }
            if let slot = exchange.slot, let place = table.places[slot] {
                table.working[place.importance, default: 0] += 1
            }
            return exchange
        }
    }

    /// After this nothing comes in any more.
    func close() { table.withLock { $0.isClosed = true } }

    func exchanges(where isWanted: (Exchange) -> Bool) -> [Exchange] {
        table.withLock { $0.places.compactMap { $0?.exchange }.filter(isWanted) }
    }
}
