internal import BlockingIO
internal import CPostgres

extension Session {
    /// Runs SQL of one or several statements without parameters; what they return is dropped.
    ///
    /// For migrations, and for settings: it can't be pipelined, and libpq has to leave pipeline mode for it.
    func simple(_ sql: String, deadline: ContinuousClock.Instant) throws(PostgresError) {
        guard let handle else { throw .closed }
        guard PQexitPipelineMode(handle) == 1, PQsendQuery(handle, sql) == 1 else { throw lose(handle) }
        var firstError: ServerError?
        while true {
            try waitForResult(of: handle, deadline: deadline, after: firstError)
            guard let result = PQgetResult(handle) else { break }
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                break
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                PQclear(result)
                abandon()
                throw .misuse("COPY isn't supported")
            default:
                firstError = firstError ?? ServerError(result)
            }
            PQclear(result)
        }
        guard PQstatus(handle) == CONNECTION_OK, PQenterPipelineMode(handle) == 1 else {
            throw lose(handle, after: firstError)
        }
        if let firstError { throw refused(firstError) }
    }

    /// Sends what is still to be sent and reads, until libpq has the next result, so that `PQgetResult` can't
    /// block.
    ///
    /// Both directions are served together: a server that can't get rid of its results reads no further
    /// statements, and two sides that only write wait for each other for ever.
    func waitForResult(
        of handle: OpaquePointer, deadline: ContinuousClock.Instant, after error: ServerError?
    ) throws(PostgresError) {
        var isLastTurn = false
        while PQisBusy(handle) != 0 {
            // Past the deadline, what has already arrived is still read, once.
            if isLastTurn { throw giveUp(.deadlineExceeded) }
            let unsent = PQflush(handle)
            guard unsent >= 0 else { throw lose(handle, after: error) }
            let remaining = max((deadline - .now).wholeMilliseconds, 0)
            let seen = cpg_wait(
                PQsocket(handle), 1, unsent == 1 ? 1 : 0, interrupt.descriptor, Int32(clamping: remaining))
            if seen & CPG_INTERRUPTED != 0 { throw giveUp(.cancelled) }
            if seen & CPG_READABLE != 0, PQconsumeInput(handle) == 0 {
                // What came before the end can still be read, and says why it ended.
                guard PQisBusy(handle) != 0 else { return }
                throw lose(handle, after: error)
            }
            isLastTurn = remaining == 0
        }
    }

    /// Waits for what comes by NOTIFY, and returns the payloads; none when the time is up.
    func notifications(deadline: ContinuousClock.Instant) throws(PostgresError) -> [String] {
        guard let handle else { throw .closed }
        var payloads: [String] = []
        while true {
            while let notification = PQnotifies(handle) {
                payloads.append(String(cString: notification.pointee.extra))
                PQfreemem(notification)
            }
            let remaining = (deadline - .now).wholeMilliseconds
            guard payloads.isEmpty, remaining > 0 else { return payloads }
            let seen = cpg_wait(PQsocket(handle), 1, 0, interrupt.descriptor, Int32(clamping: remaining))
            if seen & CPG_INTERRUPTED != 0 { throw giveUp(.cancelled) }
            if seen & CPG_READABLE != 0, PQconsumeInput(handle) == 0 { throw lose(handle) }
        }
    }

    /// The connection is broken: says why, as far as the server has told.
    func lose(_ handle: OpaquePointer, after error: ServerError? = nil) -> PostgresError {
        let reason = error?.description ?? oneLine(String(cString: PQerrorMessage(handle)))
        return giveUp(.connectionLost(reason))
    }

    /// What to throw when the answer has been read to its end and has an error in it.
    func refused(_ error: ServerError) -> PostgresError {
        // An error that isn't the server's is one of the connection's.
        if error.sqlState.rawValue.isEmpty { return giveUp(.connectionLost(error.message)) }
        // The next session prepares its statements anew.
        if error.isStalePlan { abandon() }
        return .server(error)
    }

    private func giveUp(_ error: PostgresError) -> PostgresError {
        abandon()
        return error
    }
}
