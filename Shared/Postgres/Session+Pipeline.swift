internal import CPostgres

/// One round trip with any number of statements.
extension Session {
    /// Sends all queries, and reads what each returns, in one round trip.
    ///
    /// A statement that is used for the first time is prepared on the way. Outside a transaction they take
    /// effect together or not at all.
    ///
    /// - Throws: the first error, after everything up to the end of the pipeline has been read, since
    ///   whatever is left unread would be taken for the answer of the next call.
    func pipeline(
        _ queries: [PostgresQuery], deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> [PostgresResult] {
        guard let handle else { throw .closed }
        let preparing = try statementsToPrepare(queries)
        var sent = send(queries, preparing: preparing, on: handle)
        sent = sent && PQpipelineSync(handle) == 1
        guard sent else { throw lose(handle) }
        return try receive(queries, preparing: preparing, from: handle, deadline: deadline)
    }

    /// The positions of the queries before which their statement has to be prepared.
    private func statementsToPrepare(_ queries: [PostgresQuery]) throws(PostgresError) -> [Int] {
        var positions: [Int] = []
        for (position, query) in queries.enumerated() where query.statement.isPrepared {
            let statement = query.statement
            let known: PreparedStatement
            if let found = prepared[statement.name] {
                known = found
            } else if let earlier = positions.first(where: { queries[$0].statement.name == statement.name }) {
                known = PreparedStatement(queries[earlier])
            } else {
                positions.append(position)
                continue
            }
            guard known.sql == statement.sql, known.types.elementsEqual(query.parameters.types) else {
                throw .misuse(
                    "statement \(statement.name) was prepared with other SQL or other parameter types")
            }
        }
        return positions
    }

    private func send(_ queries: [PostgresQuery], preparing: [Int], on handle: OpaquePointer) -> Bool {
        var toPrepare = preparing[...]
        for (position, query) in queries.enumerated() {
            let parameters = query.parameters
            let (name, sql) = (query.statement.name, query.statement.sql)
            let count = Int32(parameters.count)
            if toPrepare.first == position {
                toPrepare.removeFirst()
                guard PQsendPrepare(handle, name, sql, count, parameters.types.baseAddress) == 1 else {
                    return false
                }
            }
            let sent = parameters.withArrays { values, lengths, formats in
                query.statement.isPrepared
                    ? PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
                    : PQsendQueryParams(
                        handle, sql, count, parameters.types.baseAddress, values, lengths, formats, 1)
            }
            guard sent == 1 else { return false }
        }
        return true
    }

    /// Reads until the synchronisation point.
    ///
    /// Each statement's results end with a null pointer, the point itself
    /// stands alone, and what follows an error is marked as not done.
    private func receive(
        _ queries: [PostgresQuery], preparing: [Int], from handle: OpaquePointer,
        deadline: ContinuousClock.Instant
    ) throws(PostgresError) -> [PostgresResult] {
        var results: [PostgresResult] = []
        results.reserveCapacity(queries.count)
        var toPrepare = preparing[...]
        var firstError: ServerError?
        while true {
            try waitForResult(of: handle, deadline: deadline, after: firstError)
            guard let result = PQgetResult(handle) else {
                guard PQstatus(handle) == CONNECTION_OK else { throw lose(handle, after: firstError) }
                continue
            }
            let isPreparing = toPrepare.first == results.count && firstError == nil
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK where isPreparing:
                PQclear(result)
                let query = queries[toPrepare.removeFirst()]
                prepared[query.statement.name] = PreparedStatement(query)
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                results.append(PostgresResult(result))
            case PGRES_PIPELINE_ABORTED:
                PQclear(result)
            case PGRES_PIPELINE_SYNC:
                PQclear(result)
                if let firstError { throw refused(firstError) }
                return results
            default:
                firstError = firstError ?? ServerError(result)
                PQclear(result)
            }
        }
    }

}

extension PreparedStatement {
    fileprivate init(_ query: PostgresQuery) {
        self.init(sql: query.statement.sql, types: Array(query.parameters.types))
    }
}
