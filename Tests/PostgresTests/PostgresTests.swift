import Kernel
import Observability
import Postgres
import TestSupport
import Testing

@Suite("Postgres connection")
struct PostgresConnectionTests {
    @Test func `a value comes back as it went in`() async throws {
        let server = try PostgresServer.fromEnvironment()
        let connection = try await PostgresConnection.connect(
            server.configuration, logger: RecordedLog().logger)
        let result = try await connection.query(PostgresStatement("x", "SELECT $1, $2")(Int64(42), "hé"))
        #expect(try result[0].int64(0) == 42)
        #expect(try result[0].string(1) == "hé")
        await connection.close()
    }
}
