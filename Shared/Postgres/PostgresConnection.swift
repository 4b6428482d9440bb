internal import BlockingIO
package import Observability

/// A connection to Postgres on a thread of its own, for one user at a time; `PostgresPool` shares several.
///
/// A call hops to the thread once and comes back with everything it asked for. Each has a deadline, and ends
/// within moments when its task is cancelled; both cost the connection. It has to be closed.
package actor PostgresConnection {
    package nonisolated let configuration: PostgresConfiguration
    nonisolated let logger: Logger
    nonisolated let gate: CallGate
    private let executor: ThreadExecutor
    private var session: Session?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private init(_ configuration: PostgresConfiguration, _ logger: Logger) throws(SystemError) {
        self.configuration = configuration
        self.logger = logger
        gate = try CallGate()
        executor = try ThreadExecutor(name: "postgres")
    }

    /// Connects to the server.
    ///
    /// - Throws: `.connectionFailed`, to be tried again later; `.configuration`, not to be tried again;
    ///   `.cancelled`.
    package static func connect(
        _ configuration: PostgresConfiguration, logger: Logger
    ) async throws(PostgresError) -> PostgresConnection {
        let connection: PostgresConnection
        do { connection = try PostgresConnection(configuration, logger) } catch {
            throw .connectionFailed("\(error)")
        }
        try await connection.open()
        return connection
    }

    /// Runs the closure with a connection of its own, and closes that on either way out.
    ///
    /// - Throws: what `connect` throws, or the closure.
    nonisolated(nonsending) package static func with<R>(
        _ configuration: PostgresConfiguration, logger: Logger,
        _ body: nonisolated(nonsending) (PostgresConnection) async throws -> R
    ) async throws -> R {
        let connection = try await connect(configuration, logger: logger)
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    private func open() async throws(PostgresError) {
        let session = try await interruptible { () throws(PostgresError) in
            try Session.connect(configuration, interrupt: gate.interrupt, logger: logger)
        }
        self.session = session
        gate.connected(session.socket)
    }

    /// Runs one query.
    ///
    /// - Throws: see `PostgresError`; unless it is `.server` or `.misuse`, the connection is gone.
    @discardableResult
    package func query(_ query: PostgresQuery) async throws(PostgresError) -> PostgresResult {
        try await pipeline([query])[0]
    }

    /// Runs queries in one round trip and returns the result of each.
    ///
    /// Outside a transaction they take effect together or not at all.
    ///
    /// - Throws: the first error; then none of the results is given.
    @discardableResult
    package func pipeline(_ queries: [PostgresQuery]) async throws(PostgresError) -> [PostgresResult] {
        guard !queries.isEmpty else { return [] }
        return try await interruptible { () throws(PostgresError) in
            guard let session else { throw .closed }
            return try session.pipeline(queries, deadline: .now + configuration.callTimeout)
        }
    }

    /// Like `pipeline`, but not to be cancelled: for the end of a transaction, which has to be known.
    func uninterruptedPipeline(_ queries: [PostgresQuery]) throws(PostgresError) -> [PostgresResult] {
        _ = gate.begin()
        defer { gate.end(session?.status ?? .unusable) }
        guard let session else { throw .closed }
        return try session.pipeline(queries, deadline: .now + configuration.callTimeout)
    }

    /// Runs SQL of one or several statements without parameters, and drops what they return.
    ///
    /// The session's `statement_timeout` holds for it, and so does the time given.
    ///
    /// - Throws: as `query` does; of several statements outside a transaction, none has taken effect then.
    package func simple(_ sql: String, timeout: Duration) async throws(PostgresError) {
        try await interruptible { () throws(PostgresError) in
            guard let session else { throw .closed }
            try session.simple(sql, deadline: .now + timeout)
        }
    }

    /// What the server keeps of a role's password (SCRAM-SHA-256), to be given to it in the password's place.
    ///
    /// A statement's text stands in the server's log where it fails, and in `pg_stat_activity`.
    ///
    /// - Throws: `.closed`; `.misuse` where libpq can't make one.
    package func passwordVerifier(_ password: String, role: String) throws(PostgresError) -> String {
        guard let session else { throw .closed }
        return try session.passwordVerifier(password, role: role)
    }

    /// Waits for what others say by NOTIFY on the channels that this connection listens to.
    ///
    /// The connection can do nothing else meanwhile.
    ///
    /// - Returns: the payloads, none when the time is up; what was said while nobody waited is kept.
    /// - Throws: as `query` does.
    package func notifications(within time: Duration) async throws(PostgresError) -> [String] {
        try await interruptible { () throws(PostgresError) in
            guard let session else { throw .closed }
            return try session.notifications(deadline: .now + time)
        }
    }

    /// Says goodbye to the server, which rolls back what is open; calls after it throw `.closed`.
    package func close() {
        session?.close()
        session = nil
        gate.end(.unusable)
    }

    /// Runs a blocking call on this thread such that cancelling the task wakes it.
    ///
    /// Nothing in it suspends, so two calls never interleave. The operation captures `self`, and has to: a
    /// closure that doesn't isn't isolated to the actor and would run, and block, on the shared pool of
    /// threads.
    private func interruptible<R>(
        _ body: () throws(PostgresError) -> R
    ) async throws(PostgresError) -> R {
        let gate = gate
        let call = gate.begin()
        defer { gate.end(session?.status ?? .unusable) }
        let result = await withTaskCancellationHandler {
            self.run(body)
        } onCancel: {
            gate.cancel(call)
        }
        return try result.get()
    }

    private func run<R>(_ body: () throws(PostgresError) -> R) -> Result<R, PostgresError> {
        assertIsolated("blocking calls belong on the connection's thread")
        // Cancelled before anything was sent: the connection is still good.
        guard !Task.isCancelled else { return .failure(.cancelled) }
        return Result(catching: body)
    }
}
