import Postgres
import TestSupport
import Testing

/// Lends a connection to the test server, with a schema of its own.
nonisolated(nonsending) func withConnection(
    _ change: (inout PostgresConfiguration) -> Void = { _ in },
    _ body: nonisolated(nonsending) (PostgresConnection) async throws -> Void
) async throws {
    try await PostgresServer.fromEnvironment().withSchema { configuration in
        var configuration = configuration
        change(&configuration)
        try await PostgresConnection.with(configuration, logger: RecordedLog().logger, body)
    }
}

/// Lends a pool of connections to the test server, with a schema of its own.
nonisolated(nonsending) func withPool(
    _ change: (inout PostgresConfiguration) -> Void = { _ in },
    _ body: nonisolated(nonsending) (PostgresPool) async throws -> Void
) async throws {
    try await PostgresServer.fromEnvironment().withSchema { configuration in
        var configuration = configuration
        change(&configuration)
        let pool = PostgresPool(configuration: configuration, logger: RecordedLog().logger)
        do { try await body(pool) } catch {
            await pool.close()
            throw error
        }
        await pool.close()
    }
}

/// The error a call is expected to throw.
nonisolated(nonsending) func failure(
    _ location: SourceLocation = #_sourceLocation, of call: nonisolated(nonsending) () async throws -> Void
) async -> PostgresError? {
    do {
        try await call()
        Issue.record("it did not fail", sourceLocation: location)
    } catch {
        if let error = error as? PostgresError { return error }
        Issue.record("not a PostgresError: \(error)", sourceLocation: location)
    }
    return nil
}

/// Runs SQL that isn't worth a name.
func once(_ sql: String, _ parameters: any PostgresEncodable...) -> PostgresQuery {
    switch parameters.count {
    case 0: PostgresStatement.once(sql)()
    case 1: PostgresStatement.once(sql)(parameters[0])
    default: PostgresStatement.once(sql)(parameters[0], parameters[1])
    }
}
