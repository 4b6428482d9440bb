package import Observability
internal import Synchronization

/// A fixed number of connections that are opened when first needed and shared by all who ask, in the order
/// they ask.
///
/// No thread or task of its own: callers open the connections, and wait for each other. A broken connection
/// is replaced by the next caller in need of one; while the server is away callers try again, ever more
/// slowly, until `acquireTimeout` has passed. It has to be closed.
package final class PostgresPool: Sendable {
    package let configuration: PostgresConfiguration
    private let logger: Logger
    private let state: Mutex<PoolState>

    package init(configuration: PostgresConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        let connections = max(configuration.maxConnections, 1)
        state = Mutex(PoolState(maxConnections: connections, maxWaiters: configuration.maxWaiters))
    }

    /// How many callers wait for a connection now; a metric, and the sign of an overload.
    package var waiting: Int { state.withLock { $0.waiting } }

    /// How many connections callers have now, of at most `configuration.maxConnections`.
    package var inUse: Int { state.withLock { $0.inUse } }

    /// How many connections are open now.
    package var connections: Int { state.withLock { $0.open } }

    /// Runs one query on any connection.
    ///
    /// - Throws: see `PostgresError`. After `.connectionLost` and `.deadlineExceeded` a statement that writes
    ///   may have taken effect.
    @discardableResult
    package func query(_ query: PostgresQuery) async throws(PostgresError) -> PostgresResult {
        try await pipeline([query])[0]
    }

    /// Runs queries on any connection in one round trip; they take effect together or not at all.
    @discardableResult
    package func pipeline(_ queries: [PostgresQuery]) async throws(PostgresError) -> [PostgresResult] {
        let connection = try await acquire()
        let result: Result<[PostgresResult], PostgresError>
        do throws(PostgresError) {
            result = .success(try await connection.pipeline(queries))
        } catch {
            result = .failure(error)
        }
        await release(connection)
        return try result.get()
    }

    /// Lends a connection for as long as the closure runs.
    ///
    /// What belongs to a session, such as advisory locks and settings, stays with the connection when
    /// somebody else gets it: who needs those makes a `PostgresConnection` of his own. A transaction that was
    /// left open is rolled back, at the price of the connection.
    nonisolated(nonsending) package func withConnection<R>(
        _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
    ) async throws -> R {
        let connection = try await acquire()
        do {
            let value = try await body(connection)
            await release(connection)
            return value
        } catch {
            await release(connection)
            throw error
        }
    }

    /// Runs a transaction on any connection; see `PostgresConnection.transaction`.
    nonisolated(nonsending) package func transaction<R>(
        isolation: PostgresIsolation = .readCommitted,
        _ body: nonisolated(nonsending) (PostgresTransaction) async throws -> R
    ) async throws -> R {
        try await withConnection { try await $0.transaction(isolation: isolation, body) }
    }

    /// Sends away all who wait, closes the idle connections, and waits for those in use to be given back,
    /// which their deadlines bound.
    package func close() async {
        let (idle, waiters) = state.withLock { $0.close() }
        for waiter in waiters { waiter.resume(returning: .failure(.closed)) }
        for connection in idle {
            await connection.close()
            surrender()
        }
        await withCheckedContinuation { closer in
            if !state.withLock({ $0.awaitEmpty(closer) }) { closer.resume() }
        }
    }
}

/// Getting a connection and giving it back.
extension PostgresPool {
    private func acquire() async throws(PostgresError) -> PostgresConnection {
        let deadline = ContinuousClock.now + configuration.acquireTimeout
        var grant: PoolGrant
        if let answer = state.withLock({ $0.take() }) {
            grant = try answer.get()
        } else {
            grant = try await wait(until: deadline)
        }
        if case .use(let connection) = grant {
            if connection.gate.isQuiet { return connection }
            await connection.close()
            grant = .open
        }
        do throws(PostgresError) {
            return try await open(before: deadline)
        } catch {
            surrender()
            throw error
        }
    }

    private func wait(until deadline: ContinuousClock.Instant) async throws(PostgresError) -> PoolGrant {
        let id = state.withLock { $0.nextWaiterID() }
        // Ends with this scope at the latest, and is cancelled by it.
        async let _ = expire(id, at: deadline)
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                if let answer = state.withLock({ $0.enqueue(id, waiter) }) {
                    waiter.resume(returning: answer)
                }
                // A cancellation from before the waiter stood in the queue didn't find it there.
                if Task.isCancelled { leave(id, .cancelled) }
            }
        } onCancel: {
            leave(id, .cancelled)
        }
        return try answer.get()
    }

    private func expire(_ id: UInt64, at deadline: ContinuousClock.Instant) async {
        guard (try? await Task.sleep(until: deadline, clock: .continuous)) != nil else { return }
        leave(id, .overloaded("none became free in time"))
    }

    /// Whoever takes a waiter out of the queue resumes it, so it is resumed once.
    private func leave(_ id: UInt64, _ error: PostgresError) {
        state.withLock { $0.leave(id) }?.resume(returning: .failure(error))
    }

    /// Opens a connection, again and again while the server is away and there is time.
    private func open(
        before deadline: ContinuousClock.Instant
    ) async throws(PostgresError) -> PostgresConnection {
        while true {
            let (backoff, isClosed) = state.withLock { ($0.backoff, $0.isClosed) }
            guard !isClosed else { throw .closed }
            if backoff.notBefore > .now {
                guard backoff.notBefore < deadline else { throw .connectionFailed(backoff.reason) }
                do {
                    try await Task.sleep(until: backoff.notBefore, clock: .continuous)
                } catch {
                    throw .cancelled
                }
            }
            do throws(PostgresError) {
                let connection = try await PostgresConnection.connect(configuration, logger: logger)
                state.withLock { $0.noteConnectSuccess() }
                return connection
            } catch .connectionFailed(let failure) {
                state.withLock { $0.noteConnectFailure(failure) }
                logger.debug("postgres connection failed", metadata: [LogKey.error: failure])
            }
        }
    }

    private func release(_ connection: PostgresConnection) async {
        switch connection.gate.status {
        case .idle:
            let (next, kept) = state.withLock { $0.giveBack(connection) }
            next?.resume(returning: .success(.use(connection)))
            if kept { return }
        case .inTransaction, .inFailedTransaction, .unusable:
            break
        }
        await connection.close()
        surrender()
    }

    private func surrender() {
        let (next, closers) = state.withLock { $0.surrender() }
        next?.resume(returning: .success(.open))
        for closer in closers { closer.resume() }
    }
}
