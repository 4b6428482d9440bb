import Kernel
import Observability
import Postgres
import TestSupport
import Testing

@Suite("Postgres pipelines")
struct PipelineTests {
    private let insert = PostgresStatement("insert", "INSERT INTO item (id, name) VALUES ($1, $2)")
    private let count = PostgresStatement("count", "SELECT count(*) FROM item")
    private static let table =
        "CREATE TABLE item (id int CONSTRAINT item_key PRIMARY KEY, name text NOT NULL CHECK (name <> ''))"

    @Test func `one round trip gives each query its own result`() async throws {
        try await withConnection { connection in
            try await connection.simple(PipelineTests.table, timeout: .seconds(5))
            let results = try await connection.pipeline([
                insert(Int32(1), "a"), insert(Int32(2), "b"), count(), once("DELETE FROM item"), count(),
            ])
            #expect(results.map(\.affectedRows) == [1, 1, 1, 2, 1])
            #expect(try results[2][0].int64(0) == 2)
            #expect(try results[4][0].int64(0) == 0)
        }
    }

    @Test func `results of any size are read to the end`() async throws {
        try await withConnection { connection in
            let rows = try await connection.query(
                once("SELECT n, repeat('x', 100) FROM generate_series(1, 50000) AS n"))
            #expect(rows.rowCount == 50000)
            var sum: Int64 = 0
            for row in rows { sum += try row.int64(0) }
            #expect(sum == 50000 * 50001 / 2)
        }
    }

    @Test func `large values in both directions don't wait for each other`() async throws {
        try await withConnection { connection in
            let bytes = [UInt8](repeating: 7, count: 1 << 20)
            let echo = PostgresStatement("echo", "SELECT $1")
            let results = try await connection.pipeline((0..<32).map { _ in echo(bytes) })
            #expect(results.count == 32)
            for result in results { #expect(try result[0].bytes(0).count == 1 << 20) }
        }
    }

    @Test func `many statements fit into one pipeline`() async throws {
        try await withConnection { connection in
            let echo = PostgresStatement("echo", "SELECT $1")
            let results = try await connection.pipeline((0..<5000).map { echo(Int64($0)) })
            let values = try results.map { try $0[0].int64(0) }
            #expect(values == (0..<5000).map(Int64.init))
        }
    }

    @Test func `an error in the middle is the one reported, nothing took effect, and work goes on`()
        async throws
    {
        try await withConnection { connection in
            try await connection.simple(PipelineTests.table, timeout: .seconds(5))
            let error = await failure {
                _ = try await connection.pipeline([
                    insert(Int32(1), "a"), insert(Int32(1), "b"), insert(Int32(2), ""), count(),
                ])
            }
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.constraint == "item_key")
            #expect(error?.classification == .permanentRecord)
            #expect(try await connection.query(count())[0].int64(0) == 0)
            _ = try await connection.query(insert(Int32(1), "a"))
            #expect(try await connection.query(count())[0].int64(0) == 1)
        }
    }

    @Test func `a statement that could not be prepared is prepared when it can be`() async throws {
        try await withConnection { connection in
            let early = await failure { _ = try await connection.pipeline([once("SELECT 1"), count()]) }
            #expect(early?.sqlState == .undefinedTable)
            #expect(early?.classification == .permanentBuild)
            try await connection.simple(PipelineTests.table, timeout: .seconds(5))
            #expect(try await connection.query(count())[0].int64(0) == 0)
        }
    }

    @Test func `a statement behind an error counts as not prepared`() async throws {
        try await withConnection { connection in
            let echo = PostgresStatement("echo", "SELECT $1")
            _ = await failure { _ = try await connection.pipeline([once("SELECT 1 / 0"), echo("a")]) }
            let answer = try await connection.query(echo("b"))[0].string(0)
            #expect(answer == "b")
        }
    }

    @Test func `a statement used twice in its first pipeline is prepared once`() async throws {
        try await withConnection { connection in
            let echo = PostgresStatement("echo", "SELECT $1")
            _ = try await connection.pipeline([echo("a"), echo("b")])
            let prepared = try await connection.query(
                once("SELECT count(*) FROM pg_prepared_statements WHERE name = 'echo'"))
            #expect(try prepared[0].int64(0) == 1)
        }
    }

    @Test func `one name for two statements is refused before anything is sent`() async throws {
        try await withConnection { connection in
            _ = try await connection.query(PostgresStatement("same", "SELECT 1")())
            let other = await failure {
                _ = try await connection.query(PostgresStatement("same", "SELECT 2")())
            }
            guard case .misuse = other else {
                Issue.record("unexpected: \(String(describing: other))")
                return
            }
            #expect(try await connection.query(once("SELECT 3"))[0].int32(0) == 3)
        }
    }

    @Test func `a table that changed costs the connection, since its plans are stale`() async throws {
        try await withPool { pool in
            let all = PostgresStatement("all", "SELECT * FROM item")
            try await pool.withConnection { try await $0.simple(PipelineTests.table, timeout: .seconds(5)) }
            _ = try await pool.query(all())
            _ = try await pool.query(once("ALTER TABLE item ADD COLUMN note text"))
            let stale = await failure { _ = try await pool.query(all()) }
            #expect(stale?.classification == .transient)
            #expect(try await pool.query(all()).rowCount == 0)
        }
    }

    @Test func `several statements can be run at once without parameters`() async throws {
        try await withConnection { connection in
            try await connection.simple(
                "\(PipelineTests.table); INSERT INTO item VALUES (1, 'a'); SELECT 1", timeout: .seconds(5))
            #expect(try await connection.query(count())[0].int64(0) == 1)
            let error = await failure {
                try await connection.simple(
                    "INSERT INTO item VALUES (2, 'b'); SELECT 1 / 0", timeout: .seconds(5))
            }
            #expect(error?.sqlState == .divisionByZero)
            #expect(try await connection.query(count())[0].int64(0) == 1)
        }
    }

    @Test func `a violation names its constraint and quotes no values`() async throws {
        try await withConnection { connection in
            let error = await failure {
                _ = try await connection.query(once("SELECT $1::uuid", "secret-4111111111111111"))
            }
            #expect(error?.sqlState?.rawValue == "22P02")
            #expect(error?.description.contains("4111") == false)
        }
    }

    @Test func `notices go to the log and not to the terminal`() async throws {
        let log = RecordedLog()
        let server = try PostgresServer.fromEnvironment()
        let connection = try await PostgresConnection.connect(server.configuration, logger: log.logger)
        try await connection.simple("DO $$ BEGIN RAISE NOTICE 'look here'; END $$", timeout: .seconds(5))
        await connection.close()
        #expect(log.lines.contains { $0.level == .debug && $0.metadata["db.notice"] == "look here" })
    }
}
