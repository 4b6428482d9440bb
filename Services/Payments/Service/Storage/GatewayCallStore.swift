import Contracts
import Kernel
import PaymentsDomain
import Postgres

/// Rows of `gateway_call`: what the gateway has been or will be asked, until its answer is committed.
///
/// A lease only spares the gateway a second asking. Correctness comes from the key: asked twice, it answers
/// the same.
///
/// The table is empty whenever Postgres counts its rows, and thousands are in it a moment later. So no statement here joins
/// it by its key: for a table of one row the planner compares each with each. They come to a row by the place where it was
/// locked, or by a key at a time.
enum GatewayCallStore {
    /// Without ON CONFLICT on purpose.
    ///
    /// The decider asks for each call once, on a payment that is new or locked, and a row costs half without it.
    private static let insert = PostgresStatement(
        "gateway_call.insert",
        """
        INSERT INTO gateway_call (order_id, kind, cause_id, traceparent, leased_until)
        SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::uuid[]), unnest($4::text[]),
            now() + make_interval(secs => $5::bigint / 1000.0)
        """)

    static let delete = PostgresStatement(
        "gateway_call.delete", "DELETE FROM gateway_call WHERE order_id = ANY ($1::uuid[]) AND kind = $2")

    /// The oldest orders first, as their ids sort by time.
    ///
    /// Skipping what others have locked is right: another instance takes it, or its answer is being written.
    static let take = PostgresStatement(
        "gateway_call.take",
        """
        WITH expired AS (
            SELECT ctid AS place FROM gateway_call WHERE leased_until <= now()
            ORDER BY order_id, kind LIMIT $1 FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE gateway_call SET leased_until = now() + make_interval(secs => $2::bigint / 1000.0)
            FROM expired WHERE gateway_call.ctid = expired.place
            RETURNING gateway_call.order_id, gateway_call.kind, cause_id, traceparent
        )
        SELECT order_id, kind, cause_id, traceparent, amount, currency, token
        FROM taken JOIN payment USING (order_id) ORDER BY order_id, kind
        """)

    /// Never waits for the transaction that deletes a row, so the two can't wait for each other.
    static let renew = PostgresStatement(
        "gateway_call.renew",
        """
        WITH held AS (
            SELECT place, attempts
            FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS asked (order_id, kind, attempts),
            LATERAL (
                SELECT ctid AS place FROM gateway_call
                WHERE gateway_call.order_id = asked.order_id AND gateway_call.kind = asked.kind
                FOR UPDATE SKIP LOCKED
            ) AS locked
        )
        UPDATE gateway_call SET attempts = held.attempts,
            leased_until = now() + make_interval(secs => $4::bigint / 1000.0)
        FROM held WHERE gateway_call.ctid = held.place
        """)

    /// Writes down the intent to make `calls`, leased to this process for `lease`.
    static func insert(
        _ calls: [OutstandingCall], lease: Duration, in transaction: PostgresTransaction
    ) {
        guard !calls.isEmpty else { return }
        transaction.enqueue(
            insert(
                calls.map(\.id.orderID), calls.map(\.id.kind.rawValue), calls.map(\.cause?.id),
                calls.map(\.cause?.traceparent), lease.milliseconds))
    }

    static func delete(_ calls: [OutstandingCall.ID], in transaction: PostgresTransaction) {
        for (kind, calls) in Dictionary(grouping: calls, by: \.kind) {
            transaction.enqueue(delete(calls.map(\.orderID), kind.rawValue))
        }
    }

    /// Takes over calls whose lease ran out: those of a process that died, and those this one had no room
    /// for.
    ///
    /// - Returns: the calls, and what is wrong with the others that were taken: one that nobody can read must not keep the
    ///   rest from being made.
    static func take(
        max: Int, lease: Duration, in pool: PostgresPool
    ) async throws -> (calls: [OutstandingCall], unreadable: [any Error]) {
        var taken: (calls: [OutstandingCall], unreadable: [any Error]) = ([], [])
        for row in try await pool.query(take(Int64(max), lease.milliseconds)) {
            do {
                taken.calls.append(try OutstandingCall(row: row))
            } catch {
                taken.unreadable.append(error)
            }
        }
        return taken
    }

    /// Holds on to calls that this process is still asking.
    ///
    /// - Parameters:
    ///   - attempts: how often each was asked, for people who look at the table.
    ///   - lease: from now; zero gives the calls up to whoever sweeps next.
    static func renew(
        _ calls: [OutstandingCall.ID], attempts: [Int], lease: Duration, in pool: PostgresPool
    ) async throws {
        guard !calls.isEmpty else { return }
        try await pool.query(
            renew(
                calls.map(\.orderID), calls.map(\.kind.rawValue), attempts.map { Int32(clamping: $0) },
                lease.milliseconds))
    }
}

extension OutstandingCall {
    fileprivate init(row: PostgresRow) throws {
        let id = try row.identifier(0)
        guard let kind = Posting.Kind(rawValue: try row.string(1)),
            let charge = try Charge(row: row, column: 4)
        else { throw StoredPaymentError(orderID: id) }
        let call: GatewayCall =
            switch kind {
            case .capture: .capture(charge)
            case .refund: .refund(charge)
            }
        let traceparent = try row.optionalString(3)
        // Of the event, only what its consequences point back to was kept.
        let cause = try row.optionalIdentifier(2).map { cause in
            CloudEvent(
                id: cause, type: "", time: Timestamp(unixMicroseconds: 0), subject: id.description,
                correlationID: id, causationID: nil, traceparent: traceparent, version: 0)
        }
        self.init(orderID: id, call: call, cause: cause)
    }
}
