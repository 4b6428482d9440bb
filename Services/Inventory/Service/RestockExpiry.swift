import Kernel
import Messaging
import Observability
import Postgres

/// Forgets the keys of deliveries that nobody will repeat any more, once a minute.
struct RestockExpiry: Sendable {
    let pool: PostgresPool
    let retention: Duration
    let logger: Logger

    func run(until stop: StopFlag) async {
        while !stop.isSet {
            do {
                try await RestockStore.expire(
                    before: Timestamp.now().advanced(by: .zero - retention), in: pool)
            } catch {
                logger.warning("idempotency keys not expired", metadata: [LogKey.error: "\(error)"])
            }
            await stop.sleep(.seconds(60))
        }
    }
}
