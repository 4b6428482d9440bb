import Kernel
import Messaging
import Observability
import Postgres

/// A gateway to try things with: another company, played by this process, with a database role and a ledger
/// of its own.
///
/// It shares nothing with payments but the process, so its ledger is a second witness of every capture and
/// refund. What it does is steered by the payment token, see `SandboxToken`; each key's first answer is its
/// answer for ever.
final class SandboxGateway: PaymentGateway {
    static let schema = "gateway"
    private static let waitingMax = 8192

    private let captures: GroupCommit<CaptureRequest, Result<SandboxCharge, GatewayError>>
    private let refunds: GroupCommit<RefundRequest, Result<Void, GatewayError>>
    private let pool: PostgresPool
    private let schema: String
    private let timeLimit: Duration
    private let logger: Logger
    private let stop = StopFlag()

    /// - Parameters:
    ///   - pool: of the role `gateway`, for nobody else; closed at the end of `run()`.
    ///   - timeLimit: how long a call waits for its answer, as an HTTP client would.
    ///   - slowness: how long `tok_slow` takes from the first call on.
    init(
        pool: PostgresPool, schema: String = SandboxGateway.schema, timeLimit: Duration, slowness: Duration,
        logger: Logger
    ) {
        let store = SandboxStore(pool: pool, slowness: slowness, logger: logger)
        self.pool = pool
        self.schema = schema
        self.timeLimit = timeLimit
        self.logger = logger
        captures = GroupCommit(waitingMax: Self.waitingMax) {
            await store.capture($0)
        }
        refunds = GroupCommit(waitingMax: Self.waitingMax) { await store.refund($0) }
    }

    /// Answers until `close()`, and then those who still wait.
    ///
    /// - Throws: `MigrationError` when its schema is not up to date, which `payments migrate` repairs.
    func run() async throws {
        let schema: Result<Void, any Error>
        do { schema = .success(try await awaitSchema()) } catch { schema = .failure(error) }
        // Without its tables it still answers: that it can't.
        if case .failure = schema { close() }
        async let captures: Void = captures.run()
        async let refunds: Void = refunds.run()
        _ = await (captures, refunds)
        await pool.close()
        try schema.get()
    }

    private func awaitSchema() async throws {
        var backoff = Backoff()
        while !stop.isSet {
            do {
                return try await Migrator(schema: schema).verify(sandboxMigrations, on: pool)
            } catch let error as PostgresError where error.classification == .transient {
                await stop.sleep(backoff.next())
            }
        }
    }

    /// Answers no new calls.
    func close() {
        stop.set()
        captures.close()
        refunds.close()
    }

    func capture(_ request: CaptureRequest) async throws(GatewayError) -> CaptureAnswer {
        let charge = try await answer(of: captures, to: request)
        if charge.isUnheard { return try await neverAnswer() }
        let wait = charge.answeredAt.since(.now())
        if wait > timeLimit { return try await neverAnswer() }
        if wait > .zero { try await sleep(wait) }
        return charge.answer
    }

    func refund(_ request: RefundRequest) async throws(GatewayError) {
        try await answer(of: refunds, to: request)
    }

    private func answer<Request, Answer>(
        of desk: GroupCommit<Request, Result<Answer, GatewayError>>, to request: Request
    ) async throws(GatewayError) -> Answer {
        let answer: Result<Answer, GatewayError>
        do { answer = try await desk.submit(request) } catch { throw .unavailable }
        do { return try answer.get() } catch .timedOut { return try await neverAnswer() }
    }

    /// What a caller sees of an answer that got lost.
    private func neverAnswer<Answer>() async throws(GatewayError) -> Answer {
        try await sleep(timeLimit)
        throw .timedOut
    }

    private func sleep(_ duration: Duration) async throws(GatewayError) {
        do { try await Task.sleep(for: duration) } catch { throw .timedOut }
    }
}
