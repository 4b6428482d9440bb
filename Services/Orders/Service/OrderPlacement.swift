import Contracts
import Kernel
import Messaging
import OrdersDomain
import Postgres

/// Writes new orders, many in one transaction: idempotency key, order and `orders.created` together or not at all.
struct OrderPlacement: Sendable {
    /// A valid draft under the id it will have.
    struct Request: Sendable {
        let id: Identifier
        let key: String
        let draft: OrderDraft
        let traceparent: String?
        let receivedAt: ContinuousClock.Instant
    }

    enum Answer: Sendable {
        case placed(OrderView)
        /// The key stands for this order, and the body is the same.
        case known(Identifier)
        case keyReused
        case refused([Violation])
        /// It waited so long that its caller has been answered, or soon will be, and nothing was done.
        case tooLate
    }

    let pool: PostgresPool
    let relay: OutboxRelay
    /// How long an order may take to be confirmed.
    let deadline: Duration
    let metrics: OrderMetrics

    /// The longest that new orders are held back for those before them.
    private static let patience = Duration.milliseconds(250)
    /// The oldest request that is still written.
    ///
    /// One more round trip, of at most 5.5 s, ends before the 15 s after which the server answers for us: nobody who
    /// was told to come again has an order all the same.
    private static let ageMax = Duration.seconds(9)

    /// Two round trips: claim the keys and read the prices; write what is new and commit.
    func write(_ requests: [Request]) async throws -> [Answer] {
        await relay.holdBack(atMost: Self.patience)
        let keys = requests.map {
            IdempotencyStore.Request(key: $0.key, body: $0.draft.canonical, orderID: $0.id)
        }
        let skus = Set(requests.lazy.flatMap { $0.draft.lines.lazy.map(\.sku) })
        let (answers, placed) = try await pool.transaction { transaction in
            // Before the keys get theirs: the audit counts on no order to be younger than its key.
            let now = Timestamp.now()
            let results = try await transaction.pipeline([
                IdempotencyStore.claim(keys), ProductStore.prices(of: skus),
            ])
            let claimed = Set(try results[0].map { try $0.identifier(0) })
            let prices = try ProductStore.prices(from: results[1])
            let known =
                claimed.count == keys.count
                ? [:] : try await IdempotencyStore.find(keys, in: transaction)
            var batch = Batch(now: now, deadline: now.advanced(by: deadline), prices: prices)
            for (index, request) in requests.enumerated() {
                if claimed.contains(request.id) {
                    try batch.place(request)
                } else {
                    batch.repeated(known[index])
                }
            }
            OrderStore.insert(batch.placed, in: transaction)
            IdempotencyStore.release(keys.filter { batch.refusals[$0.orderID] != nil }, in: transaction)
            Outbox.append(batch.events, to: transaction)
            return (batch.settled(), batch.placed.count)
        }
        relay.eventsWritten()
        metrics.written(requests.count, placed: placed)
        return answers
    }

    /// What a transaction of this kind comes to, decided in memory.
    private struct Batch {
        let now: Timestamp
        let deadline: Timestamp
        let prices: [String: Money]
        var answers: [Answer] = []
        var placed: [OrderStore.Placed] = []
        var events: [OutgoingEvent] = []
        /// By the id the order would have had.
        var refusals: [Identifier: Answer] = [:]

        mutating func place(_ request: Request) throws {
            guard request.receivedAt.duration(to: .now) < ageMax else { return refuse(request, .tooLate) }
            let priced: PricedOrder
            do throws(RequestRefused) {
                priced = try request.draft.priced(by: prices)
            } catch {
                return refuse(request, .refused(error.violations))
            }
            let lines = priced.lines.map {
                OrderCreated.Line(sku: $0.sku, quantity: $0.quantity, unitPrice: $0.unitPrice)
            }
            let created = try OutgoingEvent(
                OrderCreated(
                    orderId: request.id, customerId: request.draft.customerId, email: request.draft.email,
                    lines: lines, total: priced.total, paymentToken: request.draft.paymentToken),
                version: 1, cause: nil, traceparent: request.traceparent, at: now)
            let order = OrderStore.Placed(
                id: request.id, draft: request.draft, priced: priced, created: created.payload,
                createdAt: now, deadline: deadline)
            placed.append(order)
            events.append(created)
            answers.append(.placed(OrderView(placed: order, lines: lines)))
        }

        private mutating func refuse(_ request: Request, _ answer: Answer) {
            answers.append(answer)
            refusals[request.id] = answer
        }

        mutating func repeated(_ known: IdempotencyStore.Known?) {
            guard let known, known.sameBody else {
                answers.append(.keyReused)
                return
            }
            answers.append(.known(known.orderID))
        }

        /// A repetition of a request that was refused in this same batch is refused with it.
        func settled() -> [Answer] {
            guard !refusals.isEmpty else { return answers }
            return answers.map { answer in
                if case .known(let id) = answer, let refusal = refusals[id] { refusal } else { answer }
            }
        }
    }
}
