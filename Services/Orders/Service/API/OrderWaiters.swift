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
/// An end that nobody waits for here may be waited for in another instance, so the others are told. What they were not
/// told is found by one query over all waited-for ids, once a second.
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

    private static let channel = InstanceChannel("orders.ended")
    /// How late a client may be told that its time is up.
    private static let expiryInterval = Duration.milliseconds(250)
    /// The ids in one payload, each with a comma.
    private static let announcedMax = InstanceChannel.payloadMax / 37
    /// The most that may wait to be announced: where the database is away, the others look for themselves.
    private static let unsaidMax = 10_000

    private let state = Mutex(State())
    /// Ends that nobody waited for here.
    private let unsaid = Mutex<[Identifier]>([])
    private let announce = Signal()
    private let lookInterval: Duration

    /// - Parameter lookInterval: how often to look for ends that nobody told of.
    init(lookInterval: Duration = .seconds(1)) { self.lookInterval = lookInterval }

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

    /// Says that a commit of this process has ended orders.
    func notify(_ endings: [OrderEnding]) {
        let others = wake(endings)
        guard !others.isEmpty else { return }
        unsaid.withLock { if $0.count < Self.unsaidMax { $0 += others } }
        announce.wake()
    }

    /// Wakes who waits for these, and returns the orders that nobody waits for here.
    @discardableResult
    private func wake(_ endings: [OrderEnding]) -> [Identifier] {
        var others: [Identifier] = []
        let woken = state.withLock { state in
            endings.flatMap { ending in
                guard let waiters = state.waiters.removeValue(forKey: ending.id) else {
                    others.append(ending.id)
                    return [(Waiter, OrderEnding)]()
                }
                return waiters.map { ($0, ending) }
            }
        }
        for (waiter, ending) in woken { waiter.continuation.resume(returning: ending) }
        return others
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
    ///
    /// - Parameter database: for a connection that hears of ends elsewhere.
    func run(
        pool: PostgresPool, database: PostgresConfiguration, logger: Logger, until stop: StopFlag
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await Self.channel.say(at: self.announce, in: pool, logger: logger, until: stop) {
                    self.takeUnsaid()
                }
            }
            group.addTask {
                await Self.channel.listen(database: database, logger: logger) { payloads in
                    let named = payloads.flatMap { $0.split(separator: ",") }.map(String.init)
                        .compactMap(Identifier.init)
                    await self.look(for: payloads.isEmpty ? nil : named, in: pool, logger)
                }
            }
            var looked = ContinuousClock.now
            while !stop.isSet {
                await stop.sleep(Self.expiryInterval)
                expire(at: .now)
                guard looked + lookInterval <= .now else { continue }
                await look(for: nil, in: pool, logger)
                looked = .now
            }
            group.cancelAll()
            announce.wake()
        }
        expire(at: .now + .seconds(86_400))
    }

    /// Wakes those whose order has ended, of these or of all that are waited for.
    private func look(for ids: [Identifier]?, in pool: PostgresPool, _ logger: Logger) async {
        let waited = state.withLock { state in
            ids.map { $0.filter { state.waiters[$0] != nil } } ?? Array(state.waiters.keys)
        }
        guard !waited.isEmpty else { return }
        do {
            wake(try await OrderQueries.ended(waited, in: pool))
        } catch {
            logger.debug("waited-for orders not read", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// The ends to announce, as many to a payload as it holds.
    private func takeUnsaid() -> [String] {
        let ids = unsaid.withLock { unsaid in
            defer { unsaid = [] }
            return unsaid
        }
        return stride(from: 0, to: ids.count, by: Self.announcedMax).map { start in
            ids[start...].prefix(Self.announcedMax).map(\.description).joined(separator: ",")
        }
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
