import Kernel
import Messaging
import Observability
import PaymentsDomain
import Postgres
import Synchronization

/// Makes the calls whose intents are committed, until each has its answer.
///
/// Silence is a third outcome: nothing is concluded from it, the gateway is asked again with the same key,
/// with backoff, for ever. The rows of `gateway_call` are the queue; this process only holds the part of it
/// that it works on, so a crash loses nothing, and a backlog beyond `outstandingMax` waits in the table.
final class GatewayWorker: Sendable {
    /// How many calls this process knows of, asked or waiting to be.
    static let outstandingMax = 4096
    /// Of these, how many may come straight from the consumer; the rest is room for what a sweep finds, so
    /// that new orders can't starve those that were left over.
    static let offeredMax = 3072

    /// How long a call is spared by other instances after it was taken or renewed.
    let lease: Duration
    private let gateway: any PaymentGateway
    private let pool: PostgresPool
    private let results: GroupCommit<GatewayResults.Request, OutstandingCall?>
    private let callsMax: Int
    private let sweepInterval: Duration
    private let logger: Logger
    private let stop: StopFlag
    private let state = Mutex(State())
    private let ready = Signal()
    private let sweepNow = Signal()

    private struct State {
        var queue: [OutstandingCall] = []
        var asking = 0
        var known: [OutstandingCall.ID: Progress] = [:]
        /// There is more in the table than fitted in here.
        var leftOver = false
    }

    private struct Progress {
        let since = ContinuousClock.now
        var attempts = 0
        var backoff = Backoff()
    }

    /// - Parameters:
    ///   - callsMax: the most calls that are out at once.
    ///   - sweepInterval: how often the table is searched for calls that nobody holds.
    init(
        gateway: any PaymentGateway, pool: PostgresPool, relay: OutboxRelay, callsMax: Int,
        lease: Duration = .seconds(3), sweepInterval: Duration = .seconds(1), logger: Logger
    ) {
        let stop = StopFlag()
        let writer = GatewayResults(pool: pool, relay: relay, lease: lease, logger: logger)
        self.gateway = gateway
        self.pool = pool
        self.results = GroupCommit(waitingMax: Self.outstandingMax) { requests in
            try await writer.writeRetrying(requests, until: stop)
        }
        self.callsMax = callsMax
        self.lease = lease
        self.sweepInterval = sweepInterval
        self.logger = logger
        self.stop = stop
    }

    /// Takes calls whose rows are committed and leased to this process.
    ///
    /// What it knows already is ignored, and what it has no room for is left to a sweep. Never blocks.
    func offer(_ calls: [OutstandingCall]) { accept(calls, upTo: Self.offeredMax) }

    /// Works until `close()`; then ends the calls that are out, commits what was answered, and gives up the
    /// rest.
    func run() async {
        async let writing: Void = results.run()
        async let pulsing: Void = pulse(sweepNow, every: sweepInterval, until: stop)
        async let sweeping: Void = sweep()
        await makeCalls()
        // First, since it would take over again what is given up.
        await sweeping
        await release()
        results.close()
        await writing
        await pulsing
    }

    /// Ends `run()`.
    func close() {
        stop.set()
        ready.wake()
        sweepNow.wake()
    }

    private func makeCalls() async {
        await withDiscardingTaskGroup { group in
            while !stop.isSet {
                for call in next() {
                    group.addTask { await self.attempt(call) }
                }
                await ready.wait()
            }
            group.cancelAll()
        }
    }

    /// Asks once.
    ///
    /// Without an answer that is stored, the call goes back into the queue after a while.
    private func attempt(_ call: OutstandingCall) async {
        let answer: PaymentMessage
        do {
            answer = try await ask(call)
        } catch {
            return await retry(call, "no answer from the gateway, asking again", error)
        }
        #if FAIL_POINTS
            FailPoint.gatewayAnswered.reached()
        #endif
        do {
            let next = try await results.submit(GatewayResults.Request(call: call, answer: answer))
            forget(call.id)
            if let next { accept([next], upTo: Self.outstandingMax) }
        } catch {
            await retry(call, "the gateway's answer can't be stored, asking again", error)
        }
    }

    private func retry(_ call: OutstandingCall, _ what: String, _ error: any Error) async {
        let (attempts, wait) = state.withLock { state in
            (state.known[call.id]?.attempts ?? 1, state.known[call.id]?.backoff.next() ?? Backoff.longest)
        }
        log(call, what, attempts: attempts, error)
        try? await Task.sleep(for: wait)
        requeue(call)
    }

    private func ask(_ call: OutstandingCall) async throws(GatewayError) -> PaymentMessage {
        defer { answered() }
        return try await call.ask(gateway)
    }

    private func log(_ call: OutstandingCall, _ what: String, attempts: Int, _ error: any Error) {
        let level: Logger.Level =
            switch error {
            case GatewayError.timedOut, GatewayError.unavailable:
                attempts == 1 ? .info : attempts % 5 == 0 ? .warning : .debug
            default: .error
            }
        logger.log(
            level: level, what,
            metadata: [
                LogKey.orderID: call.id.orderID.description, LogKey.attempt: "\(attempts)",
                LogKey.error: "\(call.id.kind.rawValue): \(error)",
            ])
    }
}

/// What is known, and what is next.
extension GatewayWorker {
    private func accept(_ calls: [OutstandingCall], upTo limit: Int) {
        state.withLock { state in
            for call in calls where state.known[call.id] == nil {
                guard state.known.count < limit else {
                    state.leftOver = true
                    break
                }
                state.known[call.id] = Progress()
                state.queue.append(call)
            }
        }
        ready.wake()
    }

    private func next() -> [OutstandingCall] {
        state.withLock { state in
            let calls = Array(state.queue.prefix(callsMax - state.asking))
            state.queue.removeFirst(calls.count)
            state.asking += calls.count
            for call in calls { state.known[call.id]?.attempts += 1 }
            return calls
        }
    }

    private func answered() {
        let more = state.withLock { state in
            state.asking -= 1
            return !state.queue.isEmpty
        }
        if more { ready.wake() }
    }

    private func requeue(_ call: OutstandingCall) {
        state.withLock { $0.queue.append(call) }
        ready.wake()
    }

    private func forget(_ id: OutstandingCall.ID) {
        let room = state.withLock { state in
            state.known[id] = nil
            guard state.leftOver, state.known.count < Self.outstandingMax / 2 else { return false }
            state.leftOver = false
            return true
        }
        if room { sweepNow.wake() }
    }
}

/// The table.
extension GatewayWorker {
    /// At the start, every interval, and whenever there is room for what was left over.
    private func sweep() async {
        while !stop.isSet {
            do {
                try await renew()
                try await takeOver()
            } catch {
                logger.debug("no gateway calls swept", metadata: [LogKey.error: "\(error)"])
            }
            await sweepNow.wait()
        }
    }

    private func takeOver() async throws {
        let room = state.withLock { Self.outstandingMax - $0.known.count }
        guard room > 0 else { return }
        let (calls, unreadable) = try await GatewayCallStore.take(max: room, lease: lease, in: pool)
        for error in unreadable {
            logger.error(
                "a gateway call can't be made, mend its row", metadata: [LogKey.error: "\(error)"])
        }
        guard !calls.isEmpty else { return }
        logger.info("gateway calls taken over", metadata: [LogKey.count: "\(calls.count)"])
        accept(calls, upTo: Self.outstandingMax)
        if calls.count + unreadable.count == room { state.withLock { $0.leftOver = true } }
    }

    /// Holds on to calls that have been out for a while; most are answered before that.
    private func renew() async throws {
        let before = ContinuousClock.now - lease / 3
        let held = state.withLock { $0.known.filter { $0.value.since < before } }
        try await renew(held, lease: lease)
    }

    /// Gives up what has no answer yet, so that the next process need not wait for the leases to run out.
    private func release() async {
        do {
            try await renew(state.withLock { $0.known }, lease: .zero)
        } catch {
            logger.debug("leases not given up", metadata: [LogKey.error: "\(error)"])
        }
    }

    private func renew(_ calls: [OutstandingCall.ID: Progress], lease: Duration) async throws {
        let sorted = calls.sorted { $0.key < $1.key }
        try await GatewayCallStore.renew(
            sorted.map(\.key), attempts: sorted.map(\.value.attempts), lease: lease, in: pool)
    }
}
