import Kernel
import Messaging
import Observability
import Postgres

/// Forgets idempotency keys that nobody will repeat any more, once a minute.
struct IdempotencyExpiry: Sendable {
    let pool: PostgresPool
    let retention: Duration
    let logger: Logger

    func run(until stop: StopFlag) async {
        while !stop.isSet {
            do {
                try await IdempotencyStore.expire(
                    before: Timestamp.now().advanced(by: .zero - retention), in: pool)
            } catch {
                logger.warning("idempotency keys not expired", metadata: [LogKey.error: "\(error)"])
            }
            await stop.sleep(.seconds(60))
        }
    }
}
