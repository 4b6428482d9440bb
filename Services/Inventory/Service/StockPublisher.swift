import Kernel
import Messaging
import Observability
import Postgres
import Synchronization

/// Tells the others what is left of each product, at most once a second for each.
///
/// A popular product changes with every batch, and nobody needs each number: only the latest one counts on a compacted
/// topic. The set of what to tell is in memory; what a crash loses of it, the next sweep finds in the rows.
final class StockPublisher: Sendable {
    /// How long changes of a product are collected before the latest is told.
    static let interval = Duration.seconds(1)
    /// How often the rows are asked for what was never told.
    static let sweepInterval = Duration.seconds(60)
    /// The most rows locked at a time: each holds up the orders that want it.
    static let chunk = 200
    /// The most rows that a sweep looks at in one statement.
    private static let page = 2500

    private let pool: PostgresPool
    private let relay: OutboxRelay
    private let logger: Logger
    private let waiting = Mutex<Set<String>>([])
    private let wake = Signal()
    private let stop = StopFlag()

    init(pool: PostgresPool, relay: OutboxRelay, logger: Logger) {
        self.pool = pool
        self.relay = relay
        self.logger = logger
    }

    /// Says that a committed transaction changed these products.
    func changed(_ skus: [String]) {
        guard !skus.isEmpty else { return }
        waiting.withLock { $0.formUnion(skus) }
        wake.wake()
    }

    /// Publishes until `close()`, and then what still waits.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pulse(self.wake, every: Self.sweepInterval, until: self.stop) }
            await self.publishing()
        }
    }

    /// Ends `run()` after what waits is published, if the database lets it.
    func close() {
        stop.set()
        wake.wake()
    }

    private func publishing() async {
        var nextSweep = ContinuousClock.now
        var backoff = Backoff()
        while true {
            let isLast = stop.isSet
            do {
                if nextSweep <= .now {
                    // Before it: a sweep that fails is not to hold up what is known to wait.
                    nextSweep = .now + Self.sweepInterval
                    try await sweep()
                }
                try await publishWaiting()
                backoff.reset()
                if isLast { return }
                await stop.sleep(Self.interval)
                await wake.wait()
            } catch {
                logger.warning(
                    "stock not published, trying again",
                    metadata: [LogKey.error: "\(error)", LogKey.attempt: "\(backoff.attempt + 1)"])
                if isLast { return }
                await stop.sleep(backoff.next())
            }
        }
    }

    private func sweep() async throws {
        var place: String? = ""
        while let after = place, !stop.isSet {
            let (missed, next) = try await ProductQueries.unpublished(
                after: after, limit: Self.page, in: pool)
            waiting.withLock { $0.formUnion(missed) }
            place = next
        }
    }

    /// Publishes all that waits now.
    func publishWaiting() async throws {
        var skus = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting.sorted()[...]
        }
        while !skus.isEmpty {
            do {
                try await publish(Array(skus.prefix(Self.chunk)))
            } catch {
                waiting.withLock { $0.formUnion(skus) }
                throw error
            }
            skus = skus.dropFirst(Self.chunk)
        }
    }

    private func publish(_ skus: [String]) async throws {
        let (count, unreadable) = try await pool.transaction { transaction in
            let (products, unreadable) = try await ProductQueries.publish(skus, in: transaction)
            let now = Timestamp.now()
            Outbox.append(try products.map { try $0.event(at: now) }, to: transaction)
            return (products.count, unreadable)
        }
        if count > 0 { relay.eventsWritten() }
        for error in unreadable {
            logger.error("a product can't be told of, mend its row", metadata: [LogKey.error: "\(error)"])
        }
    }
}
