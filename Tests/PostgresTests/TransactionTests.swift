import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Postgres transactions")
struct TransactionTests {
    private static let table = "CREATE TABLE item (id int CONSTRAINT item_key PRIMARY KEY)"
    private let insert = PostgresStatement("insert", "INSERT INTO item (id) VALUES ($1)")
    private let count = PostgresStatement("count", "SELECT count(*) FROM item")
    private struct Refused: Error, Equatable {}

    nonisolated(nonsending) private func withTable(
        _ body: nonisolated(nonsending) (PostgresPool) async throws -> Void
    ) async throws {
        try await withPool { pool in
            try await pool.withConnection {
                try await $0.simple(TransactionTests.table, timeout: .seconds(5))
            }
            try await body(pool)
        }
    }

    private func expect(
        _ pool: PostgresPool, hasRows expected: Int64, at location: SourceLocation = #_sourceLocation
    ) async throws {
        let rows = try await pool.query(count())[0].int64(0)
        #expect(rows == expected, sourceLocation: location)
    }

    @Test func `what the closure did is there when it returns`() async throws {
        try await withTable { pool in
            let seen = try await pool.transaction { transaction in
                transaction.enqueue(insert(Int32(1)))
                let seen = try await transaction.query(count())[0].int64(0)
                transaction.enqueue(insert(Int32(2)))
                return seen
            }
            #expect(seen == 1)
            try await expect(pool, hasRows: 2)
        }
    }

    @Test func `enqueued statements alone are committed`() async throws {
        try await withTable { pool in
            try await pool.transaction { $0.enqueue(insert(Int32(1))) }
            try await expect(pool, hasRows: 1)
        }
    }

    @Test func `a transaction without statements asks the server nothing`() async throws {
        try await withTable { pool in
            let five = try await pool.transaction { _ in 5 }
            #expect(five == 5)
        }
    }

    @Test func `an error of the closure takes everything back and is what is thrown`() async throws {
        try await withTable { pool in
            await #expect(throws: Refused()) {
                try await pool.transaction { transaction in
                    _ = try await transaction.query(insert(Int32(1)))
                    throw Refused()
                }
            }
            try await expect(pool, hasRows: 0)
            #expect(pool.connections == 1)
        }
    }

    @Test func `the closure's error is kept even if rolling back fails`() async throws {
        try await withTable { pool in
            await #expect(throws: Refused()) {
                try await pool.transaction { transaction in
                    let me = try await transaction.query(once("SELECT pg_backend_pid()"))[0].int32(0)
                    _ = try await terminate(me)
                    throw Refused()
                }
            }
            try await expect(pool, hasRows: 0)
        }
    }

    @Test func `an error that the closure swallows still prevents the commit`() async throws {
        try await withTable { pool in
            let error = await failure {
                try await pool.transaction { transaction in
                    _ = try await transaction.query(insert(Int32(1)))
                    _ = try? await transaction.query(insert(Int32(1)))
                }
            }
            #expect(error?.sqlState == .uniqueViolation)
            try await expect(pool, hasRows: 0)
            #expect(pool.connections == 1)
        }
    }

    @Test func `a statement that fails in the round trip of COMMIT takes everything back`() async throws {
        try await withTable { pool in
            let error = await failure {
                try await pool.transaction { transaction in
                    _ = try await transaction.query(insert(Int32(1)))
                    transaction.enqueue(insert(Int32(1)))
                }
            }
            #expect(error?.sqlState == .uniqueViolation)
            try await expect(pool, hasRows: 0)
            #expect(pool.connections == 1)
        }
    }

    @Test func `a constraint that is checked at COMMIT is an ordinary error`() async throws {
        try await withTable { pool in
            _ = try await pool.query(
                once("ALTER TABLE item ADD CONSTRAINT once UNIQUE (id) DEFERRABLE INITIALLY DEFERRED"))
            _ = try await pool.query(once("ALTER TABLE item DROP CONSTRAINT item_key"))
            let error = await failure {
                try await pool.transaction { transaction in
                    _ = try await transaction.pipeline([insert(Int32(1)), insert(Int32(1))])
                }
            }
            #expect(error?.constraint == "once")
            try await expect(pool, hasRows: 0)
        }
    }

    @Test func `a check sees its own result and can refuse, in time`() async throws {
        try await withTable { pool in
            let seen = Mutex(0)
            let update = PostgresStatement("update", "UPDATE item SET id = $2 WHERE id = $1")
            await #expect(throws: Refused()) {
                try await pool.transaction { transaction in
                    transaction.enqueue(insert(Int32(1)))
                    transaction.enqueue(update(Int32(1), Int32(2))) { result in
                        seen.withLock { $0 = result.affectedRows }
                    }
                    transaction.enqueue(update(Int32(9), Int32(10))) { result in
                        guard result.affectedRows == 1 else { throw Refused() }
                    }
                    transaction.enqueue(insert(Int32(3)))
                }
            }
            #expect(seen.withLock { $0 } == 1)
            try await expect(pool, hasRows: 0)
        }
    }

    @Test func `a check before another query stops that query's result`() async throws {
        try await withTable { pool in
            let reached = Mutex(false)
            await #expect(throws: Refused()) {
                try await pool.transaction { transaction in
                    transaction.enqueue(insert(Int32(1))) { _ in throw Refused() }
                    _ = try await transaction.query(count())
                    reached.withLock { $0 = true }
                }
            }
            #expect(!reached.withLock { $0 })
        }
    }

    @Test func `checks that pass are followed by the commit`() async throws {
        try await withTable { pool in
            try await pool.transaction { transaction in
                transaction.enqueue(insert(Int32(1))) { result in
                    guard result.affectedRows == 1 else { throw Refused() }
                }
            }
            try await expect(pool, hasRows: 1)
        }
    }

    @Test func `a fence that fails by itself needs no check`() async throws {
        try await withTable { pool in
            let fence = PostgresStatement(
                "fence",
                """
                WITH moved AS (UPDATE item SET id = $2 WHERE id = $1 RETURNING 1)
                SELECT 1 / count(*) FROM moved
                """
            )
            try await pool.transaction { transaction in
                transaction.enqueue(insert(Int32(1)))
                transaction.enqueue(fence(Int32(1), Int32(2)))
            }
            let error = await failure {
                try await pool.transaction { $0.enqueue(fence(Int32(1), Int32(2))) }
            }
            #expect(error?.sqlState == .divisionByZero)
        }
    }

    @Test func `a connection killed within a transaction is lost, and nothing was committed`() async throws {
        try await withTable { pool in
            let error = await failure {
                try await pool.transaction { transaction in
                    _ = try await transaction.query(insert(Int32(1)))
                    let me = try await transaction.query(once("SELECT pg_backend_pid()"))[0].int32(0)
                    try await terminate(me)
                    _ = try await transaction.query(insert(Int32(2)))
                }
            }
            guard case .connectionLost = error else {
                Issue.record("unexpected: \(String(describing: error))")
                return
            }
            try await expect(pool, hasRows: 0)
        }
    }

    @Test func `a connection killed before COMMIT leaves the outcome unknown`() async throws {
        try await withTable { pool in
            let error = await failure {
                try await pool.transaction { transaction in
                    _ = try await transaction.query(insert(Int32(1)))
                    let me = try await transaction.query(once("SELECT pg_backend_pid()"))[0].int32(0)
                    try await terminate(me)
                }
            }
            guard case .outcomeUnknown = error else {
                Issue.record("unexpected: \(String(describing: error))")
                return
            }
            #expect(error?.classification == .transient)
            try await expect(pool, hasRows: 0)
        }
    }

    @Test(arguments: [true, false])
    func `a network cut at COMMIT leaves the outcome unknown, whatever it is`(arrives: Bool) async throws {
        let server = try PostgresServer.fromEnvironment()
        try await server.withSchema { configuration in
            let proxy = try FaultProxy(to: PostgresServer(url: configuration.url))
            defer { proxy.close() }
            let pool = PostgresPool(
                configuration: PostgresConfiguration(url: proxy.url, applicationName: "tests"),
                logger: RecordedLog().logger)
            try await pool.withConnection {
                try await $0.simple(TransactionTests.table, timeout: .seconds(5))
            }
            // The statement COMMIT is prepared under this name, and only its use names it once that is done.
            try await pool.transaction { _ = try await $0.query(count()) }
            let mark = Array("\u{0}commit\u{0}".utf8)
            try await proxy.set(arrives ? .cutAfter(mark) : .cutBefore(mark))
            let error = await failure {
                try await pool.transaction { _ = try await $0.query(insert(Int32(1))) }
            }
            guard case .outcomeUnknown = error else {
                Issue.record("unexpected: \(String(describing: error))")
                return
            }
            try await expect(pool, hasRows: arrives ? 1 : 0)
            await pool.close()
        }
    }

    @Test func `a cancelled task doesn't interrupt its COMMIT`() async throws {
        try await withTable { pool in
            let task = Task {
                try await pool.transaction { transaction in
                    _ = try await transaction.query(insert(Int32(1)))
                    while !Task.isCancelled { await Task.yield() }
                }
            }
            task.cancel()
            // Cancelled before or after its statement was sent, but never between that and the end of COMMIT.
            let outcome = await task.result
            switch outcome {
            case .success: try await expect(pool, hasRows: 1)
            case .failure: try await expect(pool, hasRows: 0)
            }
        }
    }

    @Test func `a transaction that has ended takes no more statements`() async throws {
        try await withTable { pool in
            let escaped = try await pool.transaction { $0 }
            let error = await failure { _ = try await escaped.query(count()) }
            guard case .closed = error else {
                Issue.record("unexpected: \(String(describing: error))")
                return
            }
        }
    }
}

/// Kills a connection's process at the server and waits until it is gone.
func terminate(_ process: Int32) async throws {
    let server = try PostgresServer.fromEnvironment()
    let connection = try await PostgresConnection.connect(server.configuration, logger: RecordedLog().logger)
    _ = try await connection.query(once("SELECT pg_terminate_backend($1, 5000)", process))
    await connection.close()
}
