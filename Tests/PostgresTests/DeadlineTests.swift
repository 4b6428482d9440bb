import Postgres
import TestSupport
import Testing

@Suite("Postgres deadlines and cancellation")
struct DeadlineTests {
    private let sleep = PostgresStatement("sleep", "SELECT pg_sleep($1::int8)")

    @Test func `the server ends a statement that takes too long, and the connection lives on`() async throws {
        try await withConnection {
            $0.statementTimeout = .milliseconds(50)
            $0.networkGrace = .seconds(30)
        } _: { connection in
            let error = await failure { _ = try await connection.query(sleep(Int64(30))) }
            #expect(error?.sqlState == .queryCanceled)
            #expect(error?.classification == .transient)
            _ = try await connection.query(once("SELECT 1"))
        }
    }

    @Test func `a server that doesn't keep to it is left by the deadline, and the statement is cancelled`()
        async throws
    {
        let server = try PostgresServer.fromEnvironment()
        try await withPool {
            $0.applicationName = "deadline test"
            $0.statementTimeout = .milliseconds(100)
            $0.networkGrace = .milliseconds(100)
            $0.settings["statement_timeout"] = "0"
        } _: { pool in
            let start = ContinuousClock.now
            let error = await failure { _ = try await pool.query(sleep(Int64(30))) }
            guard case .deadlineExceeded = error else {
                Issue.record("unexpected: \(String(describing: error))")
                return
            }
            #expect(.now - start < .seconds(25))
            try await eventually("the statement is gone") {
                try await runningSleeps(server, "deadline test") == 0
            }
            _ = try await pool.query(once("SELECT 1"))
        }
    }

    @Test func `cancelling the task cancels the statement at once`() async throws {
        let server = try PostgresServer.fromEnvironment()
        try await withPool {
            $0.applicationName = "cancel test"
            $0.statementTimeout = .seconds(60)
        } _: { pool in
            let task = Task { try await pool.query(sleep(Int64(30))) }
            try await eventually("it runs") { try await runningSleeps(server, "cancel test") == 1 }
            let start = ContinuousClock.now
            task.cancel()
            let error = await failure { _ = try await task.value }
            #expect(.now - start < .seconds(25))
            guard case .cancelled = error else {
                Issue.record("unexpected: \(String(describing: error))")
                return
            }
            try await eventually("the statement is gone") {
                try await runningSleeps(server, "cancel test") == 0
            }
            _ = try await pool.query(once("SELECT 1"))
        }
    }

    @Test func `a task that was cancelled before sends nothing and keeps the connection`() async throws {
        try await withConnection { connection in
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                _ = try await connection.query(once("SELECT 1"))
            }
            task.cancel()
            let error = await failure { try await task.value }
            guard case .cancelled = error else {
                Issue.record("unexpected: \(String(describing: error))")
                return
            }
            _ = try await connection.query(once("SELECT 1"))
        }
    }

    @Test func `cancellations at random moments never hit the next statement`() async throws {
        try await withPool {
            $0.maxConnections = 2
        } _: { pool in
            var finished = 0
            for turn in 0..<300 {
                let task = Task { try await pool.query(once("SELECT 1")) }
                for _ in 0..<(turn % 40) { await Task.yield() }
                task.cancel()
                if (try? await task.value) != nil { finished += 1 }
                _ = try await pool.query(once("SELECT 1"))
            }
            #expect(pool.connections <= 2)
        }
    }

    @Test func `a server that accepts and says nothing is given up`() async throws {
        let server = try PostgresServer.fromEnvironment()
        let proxy = try FaultProxy(to: server)
        defer { proxy.close() }
        try await proxy.set(.silent)
        var configuration = PostgresConfiguration(url: proxy.url, applicationName: "tests")
        configuration.connectTimeout = .milliseconds(200)
        let silent = configuration
        let error = await failure {
            _ = try await PostgresConnection.connect(silent, logger: RecordedLog().logger)
        }
        guard case .connectionFailed = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
    }

    @Test func `a network that goes silent costs one deadline, not more`() async throws {
        let proxy = try FaultProxy(to: PostgresServer.fromEnvironment())
        defer { proxy.close() }
        var configuration = PostgresConfiguration(url: proxy.url, applicationName: "tests")
        configuration.statementTimeout = .milliseconds(200)
        configuration.networkGrace = .milliseconds(100)
        // What a request to cancel waits for its own connection, were anybody to wait for it.
        configuration.connectTimeout = .seconds(60)
        let connection = try await PostgresConnection.connect(configuration, logger: RecordedLog().logger)
        _ = try await connection.query(once("SELECT 1"))
        try await proxy.set(.silent)
        let start = ContinuousClock.now
        let error = await failure { _ = try await connection.query(once("SELECT 1")) }
        guard case .deadlineExceeded = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(.now - start < .seconds(30))
        await connection.close()
        #expect(.now - start < .seconds(30))
    }

    @Test func `a closed connection says so`() async throws {
        let server = try PostgresServer.fromEnvironment()
        let connection = try await PostgresConnection.connect(
            server.configuration, logger: RecordedLog().logger)
        await connection.close()
        await connection.close()
        let error = await failure { _ = try await connection.query(once("SELECT 1")) }
        guard case .closed = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
    }
}

/// How many statements of this application the server is asleep in.
private func runningSleeps(_ server: PostgresServer, _ application: String) async throws -> Int64 {
    let connection = try await PostgresConnection.connect(server.configuration, logger: RecordedLog().logger)
    let rows = try await connection.query(
        once(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'PgSleep'",
            application))
    await connection.close()
    return try rows[0].int64(0)
}
