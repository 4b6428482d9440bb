import Postgres
import Synchronization
import TestSupport
import Testing

@Suite("Postgres pool")
struct PoolTests {
    private let pid = PostgresStatement("pid", "SELECT pg_backend_pid()")

    @Test func `a connection is opened when it is needed, and used again`() async throws {
        try await withPool { pool in
            #expect(pool.connections == 0)
            let first = try await pool.query(pid())[0].int32(0)
            let second = try await pool.query(pid())[0].int32(0)
            #expect(first == second)
            #expect(pool.connections == 1)
        }
    }

    @Test func `many callers share few connections`() async throws {
        try await withPool {
            $0.maxConnections = 3
        } _: { pool in
            let seen = try await withThrowingTaskGroup(of: Int32.self) { group in
                for _ in 0..<300 { group.addTask { try await pool.query(pid())[0].int32(0) } }
                var seen: Set<Int32> = []
                while let process = try await group.next() { seen.insert(process) }
                return seen
            }
            #expect(seen.count <= 3)
            #expect(pool.connections <= 3)
            #expect(pool.waiting == 0)
        }
    }

    @Test func `who comes first is served first`() async throws {
        try await withPool {
            $0.maxConnections = 1
        } _: { pool in
            let order = Order()
            let (release, hold) = AsyncStream<Void>.makeStream()
            let holder = Task { try await pool.withConnection { _ in for await _ in release {} } }
            try await eventually("the connection is taken") { pool.isBusy }
            var tasks: [Task<Void, any Error>] = []
            for number in 0..<10 {
                tasks.append(
                    Task {
                        try await pool.withConnection { _ in order.append(number) }
                    })
                try await eventually("it waits") { pool.waiting == number + 1 }
            }
            hold.finish()
            try await holder.value
            for task in tasks { try await task.value }
            #expect(order.numbers == Array(0..<10))
        }
    }

    @Test func `one caller too many is refused at once`() async throws {
        try await withPool {
            $0.maxConnections = 1
            $0.maxWaiters = 1
        } _: { pool in
            try await pool.withConnection { _ in
                let waiter = Task { try await pool.query(pid()) }
                try await eventually("it waits") { pool.waiting == 1 }
                let error = await failure { _ = try await pool.query(pid()) }
                guard case .overloaded = error else {
                    Issue.record("unexpected: \(String(describing: error))")
                    return
                }
                waiter.cancel()
                _ = await waiter.result
            }
        }
    }

    @Test func `a caller waits no longer than it may`() async throws {
        try await withPool {
            $0.maxConnections = 1
            $0.acquireTimeout = .milliseconds(50)
        } _: { pool in
            try await pool.withConnection { _ in
                let error = await failure { _ = try await pool.query(pid()) }
                guard case .overloaded = error else {
                    Issue.record("unexpected: \(String(describing: error))")
                    return
                }
                #expect(pool.waiting == 0)
            }
            _ = try await pool.query(pid())
        }
    }

    @Test func `a cancelled caller leaves the queue`() async throws {
        try await withPool {
            $0.maxConnections = 1
        } _: { pool in
            try await pool.withConnection { _ in
                let waiter = Task { try await pool.query(pid()) }
                try await eventually("it waits") { pool.waiting == 1 }
                waiter.cancel()
                let error = await failure { _ = try await waiter.value }
                guard case .cancelled = error else {
                    Issue.record("unexpected: \(String(describing: error))")
                    return
                }
                #expect(pool.waiting == 0)
            }
        }
    }

    @Test func `cancelling while a connection is handed over loses no connection`() async throws {
        try await withPool {
            $0.maxConnections = 2
        } _: { pool in
            for turn in 0..<400 {
                let tasks = (0..<4).map { _ in Task { try await pool.query(pid()) } }
                for _ in 0..<(turn % 20) { await Task.yield() }
                for task in tasks.suffix(3) { task.cancel() }
                _ = try await tasks[0].value
                for task in tasks { _ = await task.result }
                #expect(pool.waiting == 0)
            }
            // Both can still be had at the same time.
            try await pool.withConnection { _ in _ = try await pool.query(pid()) }
            #expect(pool.connections <= 2)
        }
    }

    @Test func `a connection that died while idle is replaced unnoticed`() async throws {
        try await withPool { pool in
            let process = try await pool.query(pid())[0].int32(0)
            try await terminate(process)
            #expect(try await pool.query(pid())[0].int32(0) != process)
            #expect(pool.connections == 1)
        }
    }

    @Test func `all connections dying while idle is unnoticed as well`() async throws {
        try await withPool {
            $0.maxConnections = 3
        } _: { pool in
            var processes: [Int32] = []
            try await pool.withConnection { first in
                try await pool.withConnection { second in
                    try await pool.withConnection { third in
                        for connection in [first, second, third] {
                            processes.append(try await connection.query(pid())[0].int32(0))
                        }
                    }
                }
            }
            for process in processes { try await terminate(process) }
            for _ in 0..<3 { _ = try await pool.query(pid()) }
            #expect(pool.connections == 3)
        }
    }

    @Test func `a transaction left open costs its connection`() async throws {
        try await withPool {
            $0.maxConnections = 1
        } _: { pool in
            let process = try await pool.withConnection { connection in
                try await connection.simple("BEGIN", timeout: .seconds(5))
                return try await connection.query(pid())[0].int32(0)
            }
            #expect(try await pool.query(pid())[0].int32(0) != process)
        }
    }

    @Test func `a server that comes back is found again`() async throws {
        let proxy = try FaultProxy(to: PostgresServer.fromEnvironment())
        defer { proxy.close() }
        var configuration = PostgresConfiguration(url: proxy.url, applicationName: "tests")
        configuration.acquireTimeout = .milliseconds(300)
        let pool = PostgresPool(configuration: configuration, logger: RecordedLog().logger)
        _ = try await pool.query(pid())
        try await proxy.set(.down)
        for _ in 0..<3 {
            let error = await failure { _ = try await pool.query(pid()) }
            guard case .connectionFailed = error else {
                Issue.record("unexpected: \(String(describing: error))")
                return
            }
        }
        try await proxy.set(.forward)
        try await eventually("the pool has recovered") { (try? await pool.query(pid())) != nil }
        await pool.close()
    }

    @Test func `a caller outlasts a short absence of the server`() async throws {
        let proxy = try FaultProxy(to: PostgresServer.fromEnvironment())
        defer { proxy.close() }
        try await proxy.set(.down)
        let pool = PostgresPool(
            configuration: PostgresConfiguration(url: proxy.url, applicationName: "tests"),
            logger: RecordedLog().logger)
        async let answer = pool.query(pid()).rowCount
        try await eventually("it has begun") { pool.connections == 1 }
        try await proxy.set(.forward)
        #expect(try await answer == 1)
        await pool.close()
    }

    @Test func `closing sends waiters away and waits for those at work`() async throws {
        let server = try PostgresServer.fromEnvironment()
        var configuration = server.configuration
        configuration.maxConnections = 1
        let pool = PostgresPool(configuration: configuration, logger: RecordedLog().logger)
        let (release, hold) = AsyncStream<Void>.makeStream()
        let holder = Task {
            try await pool.withConnection { connection in
                for await _ in release {}
                return try await connection.query(pid()).rowCount
            }
        }
        try await eventually("it works") { pool.isBusy }
        let waiter = Task { try await pool.query(pid()) }
        try await eventually("it waits") { pool.waiting == 1 }
        let closing = Task { await pool.close() }
        _ = await waiter.result
        hold.finish()
        #expect(try await holder.value == 1)
        await closing.value
        #expect(pool.connections == 0)
        let error = await failure { _ = try await pool.query(pid()) }
        guard case .closed = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
    }
}

extension PostgresPool {
    fileprivate var isBusy: Bool { connections == 1 }
}

private final class Order: Sendable {
    private let seen = Mutex<[Int]>([])
    var numbers: [Int] { seen.withLock { $0 } }
    func append(_ number: Int) { seen.withLock { $0.append(number) } }
}
