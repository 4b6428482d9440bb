import Kernel
import Messaging
import Observability
import Postgres
import SalesDomain

/// Tells what each product has sold within a minute, when that minute is over.
///
/// Once for most: sums that still grow are held back until their window closes. What is counted after that, because this
/// service or Kafka was away, is told with the next closing window: the new sum, with a higher version.
final class WindowPublisher: Sendable {
    /// The most sums in one transaction: each is locked until it commits.
    static let chunk = 250

    private let pool: PostgresPool
    private let relay: OutboxRelay
    private let logger: Logger
    private let stop = StopFlag()

    init(pool: PostgresPool, relay: OutboxRelay, logger: Logger) {
        self.pool = pool
        self.relay = relay
        self.logger = logger
    }

    /// Publishes until `close()`; what is not told by then waits in the rows.
    func run() async {
        var backoff = Backoff()
        while !stop.isSet {
            let now = Timestamp.now()
            do {
                let count = try await publish(at: now)
                if count > 0 {
                    logger.info("minute closed", metadata: [LogKey.count: "\(count)"])
                }
                backoff.reset()
                let next = SalesWindow.lastClosed(at: now).closing.advanced(by: SalesWindow.length)
                // A clock that was set back makes a wait of at most one window.
                await stop.sleep(min(max(next.since(.now()), .zero), SalesWindow.length))
            } catch {
                logger.warning(
                    "sales not published, trying again",
                    metadata: [LogKey.error: "\(error)", LogKey.attempt: "\(backoff.attempt + 1)"])
                await stop.sleep(backoff.next())
            }
        }
    }

    func close() { stop.set() }

    /// Publishes the sums of the windows that are closed at `time`, as far as they have changed since they were told.
    ///
    /// - Returns: how many.
    func publish(at time: Timestamp) async throws -> Int {
        let window = SalesWindow.lastClosed(at: time)
        var count = 0
        while !stop.isSet {
            let told = try await pool.transaction { transaction in
                let sums = try await WindowStore.tell(
                    upTo: window, unchangedSince: time, limit: Self.chunk, in: transaction)
                Outbox.append(try sums.map { try $0.event(at: time) }, to: transaction)
                return sums.count
            }
            guard told > 0 else { break }
            relay.eventsWritten()
            count += told
        }
        return count
    }
}
