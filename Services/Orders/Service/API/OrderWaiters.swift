import Kernel
import Messaging
import Observability
import Postgres
import Synchronization

/// The end of an order, as the commit that brought it has it.
struct OrderEnding: Sendable {
    let id: Identifier
    let status: String
    let reason: String?
    let version: Int64
    let updatedAt: Timestamp
}

/// Clients that wait for the end of an order (`Prefer: wait`): woken by the commit that ends it, or by their time.
///
/// What another instance commits is found by one query over all waited-for ids, four times a second.
final class OrderWaiters: Sendable {
    private struct Waiter {
        let until: ContinuousClock.Instant
        let continuation: CheckedContinuation<OrderEnding?, Never>
    }

    private struct State {
        var waiters: [Identifier: [Waiter]] = [:]
    }

    private let state = Mutex(State())

    /// How `order` ended; nil when the time is up, or somebody gave up waiting for it.
    ///
    /// An end that was committed before this call isn't noticed at once: look at the order after registering.
    func wait(for order: Identifier, until: ContinuousClock.Instant) async -> OrderEnding? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { state in
                    state.waiters[order, default: []].append(Waiter(until: until, continuation: continuation))
                }
                if Task.isCancelled { release(order) }
            }
        } onCancel: {
            // A server that drains asks for answers now.
            release(order)
        }
    }

    func notify(_ endings: [OrderEnding]) {
        let woken = state.withLock { state in
            guard !state.waiters.isEmpty else { return [(Waiter, OrderEnding)]() }
            return endings.flatMap { ending in
                (state.waiters.removeValue(forKey: ending.id) ?? []).map { ($0, ending) }
            }
        }
        for (waiter, ending) in woken { waiter.continuation.resume(returning: ending) }
    }

    /// Lets go of whoever waits for `order`; they look for themselves.
    func release(_ order: Identifier) {
        let waiters = state.withLock { $0.waiters.removeValue(forKey: order) ?? [] }
        for waiter in waiters { waiter.continuation.resume(returning: nil) }
    }

    /// Looks after those whose time is up and those whose order ended elsewhere, until `stop`; then lets all go.
    func run(pool: PostgresPool, logger: Logger, until stop: StopFlag) async {
        while !stop.isSet {
            try? await Task.sleep(for: .milliseconds(250))
            expire(at: .now)
            let ids = state.withLock { Array($0.waiters.keys) }
            guard !ids.isEmpty else { continue }
            do {
                notify(try await OrderQueries.ended(ids, in: pool))
            } catch {
                logger.debug("waited-for orders not read", metadata: [LogKey.error: "\(error)"])
            }
        }
        expire(at: .now + .seconds(86_400))
    }

    private func expire(at now: ContinuousClock.Instant) {
        let expired = state.withLock { state in
            var expired: [Waiter] = []
            for (order, waiters) in state.waiters where waiters.contains(where: { $0.until <= now }) {
                expired += waiters.filter { $0.until <= now }
                let rest = waiters.filter { $0.until > now }
                state.waiters[order] = rest.isEmpty ? nil : rest
            }
            return expired
        }
        for waiter in expired { waiter.continuation.resume(returning: nil) }
    }
}
