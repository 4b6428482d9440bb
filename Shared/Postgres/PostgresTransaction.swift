internal import Observability
internal import Synchronization

/// How much a transaction sees of the others.
package enum PostgresIsolation: Sendable {
    case readCommitted
    case repeatableRead

    fileprivate var begin: PostgresStatement {
        switch self {
        case .readCommitted: PostgresStatement("begin", "BEGIN")
        case .repeatableRead:
            PostgresStatement("begin_repeatable_read", "BEGIN ISOLATION LEVEL REPEATABLE READ")
        }
    }
}

/// A transaction in as few round trips as its statements allow: what is enqueued waits for the next one that
/// needs an answer, and BEGIN and COMMIT travel with the others.
///
/// For one task at a time, and no longer than the closure it was given to: calls after that throw `.closed`.
package final class PostgresTransaction: Sendable {
    /// Looks at the result of an enqueued statement; what it throws ends the transaction.
    package typealias Check = @Sendable (PostgresResult) throws -> Void

    private struct State {
        var pending: [(query: PostgresQuery, check: Check?)] = []
        var hasBegun = false
        var isOver = false
        /// The first error: the server ignores what follows it, so it is the reason if nothing comes of it
        /// all.
        var failure: (any Error)?
    }

    private let connection: PostgresConnection
    private let isolation: PostgresIsolation
    private let state = Mutex(State())

    fileprivate init(_ connection: PostgresConnection, _ isolation: PostgresIsolation) {
        self.connection = connection
        self.isolation = isolation
    }

    /// Runs a query, after everything that was enqueued, in one round trip.
    ///
    /// - Throws: `PostgresError`, or what a check of an enqueued statement throws. Either way the transaction
    ///   can only be rolled back, even if the closure swallows the error.
    @discardableResult
    package func query(_ query: PostgresQuery) async throws -> PostgresResult {
        try await pipeline([query])[0]
    }

    /// Runs queries, after everything that was enqueued, in one round trip; see `query`.
    @discardableResult
    package func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresResult] {
        let (before, checks) = try takePending()
        do {
            let results = try await connection.pipeline(before + queries)
            for (check, result) in zip(checks, results) { try check?(result) }
            return Array(results.dropFirst(before.count))
        } catch {
            note(error)
            throw error
        }
    }

    /// Leaves a statement for the next round trip, which may be the one of COMMIT.
    ///
    /// A check costs a round trip when nothing follows it, because it has to be made before COMMIT is sent. A
    /// statement that fails by itself costs none, such as one that divides by the number of rows it has
    /// changed: `WITH moved AS (UPDATE … RETURNING 1) SELECT 1 / count(*) FROM moved`
    /// (`SQLState.divisionByZero`).
    ///
    /// - Parameters:
    ///   - query: sent with the next call, or with COMMIT.
    ///   - check: sees the result of this statement, and throws to roll back; it must not block.
    package func enqueue(_ query: PostgresQuery, check: Check? = nil) {
        state.withLock { $0.pending.append((query, check)) }
    }

    /// What is to be sent first, and the checks of its results in the same order.
    private func takePending() throws -> ([PostgresQuery], [Check?]) {
        try state.withLock { state in
            guard !state.isOver else { throw PostgresError.closed }
            if let failure = state.failure { throw failure }
            var queries = state.pending.map(\.query)
            var checks = state.pending.map(\.check)
            state.pending.removeAll(keepingCapacity: true)
            if !state.hasBegun {
                state.hasBegun = true
                queries.insert(isolation.begin(), at: 0)
                checks.insert(nil, at: 0)
            }
            return (queries, checks)
        }
    }

    private func note(_ error: any Error) {
        state.withLock { $0.failure = $0.failure ?? error }
    }
}

/// The end of a transaction.
extension PostgresTransaction {
    private static let commit = PostgresStatement("commit", "COMMIT")
    private static let rollback = PostgresStatement("rollback", "ROLLBACK")

    fileprivate func commit() async throws {
        let (isNeeded, hasChecks) = try state.withLock { state in
            if let failure = state.failure { throw failure }
            let hasChecks = state.pending.contains { $0.check != nil }
            return (state.hasBegun || !state.pending.isEmpty, hasChecks)
        }
        guard isNeeded else { return }
        if hasChecks { _ = try await pipeline([]) }
        let (before, _) = try takePending()
        do throws(PostgresError) {
            let results = try await connection.uninterruptedPipeline(before + [PostgresTransaction.commit()])
            guard results.last?.commandTag == "COMMIT" else {
                throw .misuse("the transaction had been ended by a statement of its own")
            }
        } catch {
            throw PostgresTransaction.outcome(of: error)
        }
    }

    /// What an error in the round trip of COMMIT says about the transaction.
    private static func outcome(of error: PostgresError) -> PostgresError {
        switch error {
        case .connectionLost(let reason): .outcomeUnknown(reason)
        case .deadlineExceeded: .outcomeUnknown("\(error)")
        case .server, .connectionFailed, .outcomeUnknown, .overloaded, .cancelled, .closed, .decoding,
            .misuse,
            .configuration:
            error
        }
    }

    /// Never throws, as the error that led here is the one to be told; a failure costs the connection
    /// instead.
    fileprivate func rollback() async {
        switch connection.gate.status {
        case .idle, .unusable: return
        case .inTransaction, .inFailedTransaction: break
        }
        do {
            _ = try await connection.uninterruptedPipeline([PostgresTransaction.rollback()])
        } catch {
            connection.logger.debug("rollback failed", metadata: [LogKey.error: "\(error)"])
            await connection.close()
        }
    }

    fileprivate func end() { state.withLock { $0.isOver = true } }
}

extension PostgresConnection {
    /// Runs the closure in a transaction, committed when it returns and rolled back when it throws.
    ///
    /// It isn't repeated by itself: whether that may be done, the caller knows
    /// (`PostgresError.classification`). Cancelling the task ends the statement under way, but no COMMIT.
    ///
    /// - Throws: what the closure threw, even if rolling back failed; the error of a statement that it
    ///   swallowed, since nothing can be committed after one; `.outcomeUnknown` when the connection broke
    ///   during COMMIT.
    nonisolated(nonsending) package func transaction<R>(
        isolation: PostgresIsolation = .readCommitted,
        _ body: nonisolated(nonsending) (PostgresTransaction) async throws -> R
    ) async throws -> R {
        let transaction = PostgresTransaction(self, isolation)
        defer { transaction.end() }
        do {
            let value = try await body(transaction)
            try await transaction.commit()
            return value
        } catch {
            await transaction.rollback()
            throw error
        }
    }
}
