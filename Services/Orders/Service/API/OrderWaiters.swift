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
        let id: UInt64
        let until: ContinuousClock.Instant
        let continuation: CheckedContinuation<OrderEnding?, Never>
    }

    private struct State {
        var waiters: [Identifier: [Waiter]] = [:]
        var last: UInt64 = 0
    }

    private let state = Mutex(State())

    /// How `order` ended; nil when the time is up, or somebody gave up waiting for it.
    ///
    /// An end that was committed before this call isn't noticed at once: look at the order after registering.
    func wait(for order: Identifier, until: ContinuousClock.Instant) async -> OrderEnding? {
        let id = state.withLock { state in
            state.last += 1
            return state.last
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waiter = Waiter(id: id, until: until, continuation: continuation)
                state.withLock { $0.waiters[order, default: []].append(waiter) }
                if Task.isCancelled { release(id, of: order) }
            }
        } onCancel: {
            // A server that drains asks for answers now.
            release(id, of: order)
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

    private func release(_ id: UInt64, of order: Identifier) {
        let released = state.withLock { state -> Waiter? in
            guard let index = state.waiters[order]?.firstIndex(where: { $0.id == id }) else { return nil }
            let waiter = state.waiters[order]?.remove(at: index)
            if state.waiters[order]?.isEmpty == true { state.waiters[order] = nil }
            return waiter
        }
        released?.continuation.resume(returning: nil)
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
