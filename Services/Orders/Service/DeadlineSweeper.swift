import Kernel
import Messaging
import Observability
import OrdersDomain
import Postgres

/// Cancels orders that took too long.
///
/// Orders alone owns deadlines; the others never guess.
///
/// Walks the index of deadlines and then stays at its end, so that each order is looked at once, whatever lies behind, or
/// for some seconds where orders may take only so long; a restart goes on near where the last process was. Another instance does the same; the decider makes the second
/// cancellation nothing.
struct DeadlineSweeper: Sendable {
    let pool: PostgresPool
    let relay: OutboxRelay
    let commands: OrderCommandHandler
    /// How long an order may take; a very short one may pass before the order itself is committed.
    let deadline: Duration
    let logger: Logger
    /// How often the place is written down.
    var noteInterval = Duration.seconds(10)

    /// How far before that place the next process goes on, for clocks that were put back meanwhile.
    private static let margin = Duration.seconds(3600)
    private static let chunk = 1000
    /// This long after the time from which an order's deadline counts, the transaction that places it has ended, whatever
    /// became of it: `OrderPlacement` reads that time in front of the last three round trips, each of at most 5.5 s.
    private static let commitMax = Duration.seconds(17)

    func run(until stop: StopFlag) async {
        var position: OrderStore.SweepPosition?
        var unreadable: Set<Identifier> = []
        var noted = ContinuousClock.now
        while !stop.isSet {
            do {
                var place = try await begin(at: position)
                defer { position = place }
                try await sweep(from: &place, without: unreadable, until: stop)
                if noted.duration(to: .now) > noteInterval {
                    try await OrderStore.noteSwept(upTo: place.deadline, in: pool)
                    noted = .now
                }
            } catch let error as StoredOrderError {
                unreadable.insert(error.id)
                logger.error(
                    "an overdue order is left as it is", metadata: [LogKey.error: "\(error)"])
                continue
            } catch {
                logger.warning("deadlines not swept, trying again", metadata: [LogKey.error: "\(error)"])
            }
            await stop.sleep(.milliseconds(250))
        }
    }

    /// Where to go on: at `position`, unless the clock was put back behind it, where new deadlines would be passed over.
    func begin(at position: OrderStore.SweepPosition?) async throws -> OrderStore.SweepPosition {
        if let position, position.deadline <= .now() { return position }
        let known = min(try await OrderStore.sweptUpTo(in: pool), .now())
        return OrderStore.SweepPosition(deadline: known.advanced(by: .zero - Self.margin))
    }

    /// Cancels what is overdue now, and moves `position` behind what need not be looked at again.
    private func sweep(
        from position: inout OrderStore.SweepPosition, without unreadable: Set<Identifier>,
        until stop: StopFlag
    ) async throws {
        let now = Timestamp.now()
        // What is overdue sooner than that may have neighbours still to be committed, so it is looked at again.
        let settled = now.advanced(by: min(.zero, deadline - Self.commitMax))
        var place = position
        while !stop.isSet {
            let overdue = try await OrderStore.overdue(after: place, at: now, limit: Self.chunk, in: pool)
            let late = overdue.filter { $0.isPending && !unreadable.contains($0.id) }.map {
                OrderCommandHandler.Command(orderID: $0.id, message: .cancel(by: .deadline), cause: nil)
            }
            if !late.isEmpty { _ = try await commands.commit(late, in: pool, relay) }
            if let done = overdue.last(where: { $0.deadline <= settled }) {
                position = OrderStore.SweepPosition(deadline: done.deadline, id: done.id)
            }
            guard overdue.count == Self.chunk, let last = overdue.last else { return }
            place = OrderStore.SweepPosition(deadline: last.deadline, id: last.id)
        }
    }
}
