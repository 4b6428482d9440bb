import Kernel
import Messaging
import Observability
import Postgres

/// What the sandbox has on record of a capture.
struct SandboxCharge: Sendable {
    let answer: CaptureAnswer
    /// Not before this is the answer given.
    let answeredAt: Timestamp
    /// On record, but this call shall not hear of it.
    let isUnheard: Bool
}

/// Rows of the sandbox's own ledger.
struct SandboxStore: Sendable {
    let pool: PostgresPool
    let slowness: Duration
    let logger: Logger

    private static let charge = PostgresStatement(
        "charge.insert",
        """
        INSERT INTO charge (key, order_id, token, amount, currency, state, reason, answered_at)
        SELECT unnest($1::text[]), unnest($2::uuid[]), unnest($3::text[]), unnest($4::bigint[]), unnest($5::text[]),
            unnest($6::text[]), unnest($7::text[]), unnest($8::timestamptz[])
        ON CONFLICT (key) DO NOTHING RETURNING key
        """)

    private static let findCharges = PostgresStatement(
        "charge.find", "SELECT key, reason, answered_at FROM charge WHERE key = ANY ($1)")

    private static let refund = PostgresStatement(
        "refund.insert",
        """
        INSERT INTO refund (key, charge_key, amount)
        SELECT asked.key, charge.key, asked.amount
        FROM unnest($1::text[], $2::text[], $3::bigint[]) AS asked (key, charge_key, amount)
        JOIN charge ON charge.key = asked.charge_key AND charge.amount = asked.amount
            AND charge.state = 'captured'
        ON CONFLICT DO NOTHING RETURNING key
        """)

    private static let findRefunds = PostgresStatement(
        "refund.find", "SELECT key FROM refund WHERE key = ANY ($1)")

    private static let mishap = PostgresStatement(
        "mishap.insert",
        "INSERT INTO mishap (key) SELECT * FROM unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING key")

    /// Answers captures, each in its place; what was answered before gets the same answer.
    ///
    /// One round trip where every key is new and no token asks for trouble.
    func capture(_ requests: [CaptureRequest]) async -> [Result<SandboxCharge, GatewayError>] {
        let sorted = requests.sorted { $0.key < $1.key }
        do {
            let failing = sorted.filter { SandboxToken($0.token).failsFirst }.map(\.key)
            let failed = failing.isEmpty ? [] : try await keys(Self.mishap(failing))
            let arrived = sorted.filter { !failed.contains($0.key) }
            var new = arrived.isEmpty ? [] : try await insert(arrived)
            // A key may also stand twice in one batch: the second asking hears the answer to the first.
            let charges = arrived.count == new.count ? [:] : try await charges(arrived.map(\.key))
            return requests.map { request in
                let token = SandboxToken(request.token)
                if failed.contains(request.key) { return .failure(token == .lost ? .timedOut : .unavailable) }
                if new.remove(request.key) != nil { return .success(first(request, token)) }
                return charges[request.key].map(Result.success) ?? .failure(.unavailable)
            }
        } catch {
            logger.debug("sandbox can't reach its ledger", metadata: [LogKey.error: "\(error)"])
            return requests.map { _ in .failure(.unavailable) }
        }
    }

    /// Answers refunds, each in its place; one that was granted before is granted again.
    func refund(_ requests: [RefundRequest]) async -> [Result<Void, GatewayError>] {
        let sorted = requests.sorted { $0.key < $1.key }
        do {
            var granted = try await keys(
                Self.refund(sorted.map(\.key), sorted.map(\.captureKey), sorted.map(\.amount.amount)))
            let known = Set(sorted.map(\.key)).subtracting(granted)
            if !known.isEmpty { granted.formUnion(try await keys(Self.findRefunds(Array(known)))) }
            return requests.map { request in
                granted.contains(request.key)
                    ? .success(()) : .failure(.refused("no such charge to refund: \(request.captureKey)"))
            }
        } catch {
            logger.debug("sandbox can't reach its ledger", metadata: [LogKey.error: "\(error)"])
            return requests.map { _ in .failure(.unavailable) }
        }
    }

    /// The keys that were new.
    private func insert(_ requests: [CaptureRequest]) async throws -> Set<String> {
        let now = Timestamp.now()
        let tokens = requests.map { SandboxToken($0.token) }
        return try await keys(
            Self.charge(
                requests.map(\.key), requests.map(\.orderID), requests.map(\.token),
                requests.map(\.amount.amount),
                requests.map(\.amount.currency.code),
                tokens.map { $0.refusal == nil ? "captured" : "declined" },
                tokens.map(\.refusal), tokens.map { $0 == .slow ? now.advanced(by: slowness) : now }))
    }

    private func first(_ request: CaptureRequest, _ token: SandboxToken) -> SandboxCharge {
        SandboxCharge(
            answer: CaptureAnswer(refusal: token.refusal),
            answeredAt: token == .slow ? Timestamp.now().advanced(by: slowness) : .now(),
            isUnheard: token == .capturedUnheard)
    }

    private func charges(_ keys: [String]) async throws -> [String: SandboxCharge] {
        var charges: [String: SandboxCharge] = [:]
        for row in try await pool.query(Self.findCharges(keys)) {
            charges[try row.string(0)] = SandboxCharge(
                answer: CaptureAnswer(refusal: try row.optionalString(1)), answeredAt: try row.timestamp(2),
                isUnheard: false)
        }
        return charges
    }

    private func keys(_ query: PostgresQuery) async throws -> Set<String> {
        Set(try await pool.query(query).map { try $0.string(0) })
    }
}

extension CaptureAnswer {
    fileprivate init(refusal: String?) {
        self = refusal.map { .declined(reason: $0) } ?? .captured
    }
}
