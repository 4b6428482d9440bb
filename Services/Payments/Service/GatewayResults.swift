import Contracts
import Kernel
import Messaging
import Observability
import PaymentsDomain
import Postgres

/// Commits what the gateway answered, many answers in one transaction: the payment, the ledger, the events,
/// and the end of the call.
struct GatewayResults: Sendable {
    /// An answer to a call.
    struct Request: Sendable {
        let call: OutstandingCall
        let answer: PaymentMessage
    }

    let pool: PostgresPool
    let relay: OutboxRelay
    /// For the calls that an answer leads to.
    let lease: Duration
    let logger: Logger

    /// Two round trips: lock; write and commit.
    ///
    /// - Returns: for each answer, the next call to make: the refund of a capture that came too late.
    /// - Throws: `PostgresError`; nothing was written, or nobody knows. Asking again repairs both.
    func write(_ requests: [Request]) async throws -> [OutstandingCall?] {
        let orders = Set(requests.map(\.call.id.orderID))
        let changes = try await pool.transaction { transaction in
            let locked = try await PaymentStore.lock(orders, in: transaction)
            var changes = PaymentChanges(locked: locked, at: .now())
            for request in requests {
                try changes.apply(request.answer, to: request.call.id.orderID, cause: request.call.cause)
            }
            // Before the inserts: an answer that comes twice must not end the call it led to the first time.
            GatewayCallStore.delete(requests.map(\.call.id), in: transaction)
            changes.write(lease: lease, in: transaction)
            Outbox.append(changes.events, to: transaction)
            return changes
        }
        if !changes.events.isEmpty { relay.eventsWritten() }
        report(requests, changes.alarms)
        let next = Dictionary(changes.calls.map { ($0.id.orderID, $0) }) { first, _ in first }
        return requests.map { $0.call.id.kind == .capture ? next[$0.call.id.orderID] : nil }
    }

    /// Like `write`, but waits for a database that is away; only what no waiting helps against is thrown.
    func writeRetrying(_ requests: [Request], until stop: StopFlag) async throws -> [OutstandingCall?] {
        var backoff = Backoff()
        while true {
            do {
                return try await write(requests)
            } catch let error as PostgresError where error.classification == .transient && !stop.isSet {
                if backoff.attempt % 10 == 0 {
                    logger.warning(
                        "answers not committed, trying again", metadata: [LogKey.error: "\(error)"])
                }
                await stop.sleep(backoff.next())
            }
        }
    }

    private func report(_ requests: [Request], _ alarms: [String]) {
        for alarm in alarms { logger.error("impossible answer", metadata: [LogKey.error: alarm]) }
        guard logger.logLevel <= .info else { return }
        for request in requests {
            let order = request.call.id.orderID.description
            switch request.answer {
            case .gatewayDeclined(let reason):
                logger.flow(.refused, order: order, "gateway declined", detail: reason)
            case .gatewayRefunded: logger.flow(.compensated, order: order, "gateway refunded")
            case .gatewayCaptured, .reserved, .cancelling: break
            }
        }
    }
}
