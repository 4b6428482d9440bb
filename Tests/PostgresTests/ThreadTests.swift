import Postgres
import TestSupport
import Testing

@Suite("Postgres threads")
struct ThreadTests {
    @Test func `waiting for the server doesn't keep other tasks from running`() async throws {
        // More statements at a time than any machine's shared pool has threads, if they waited on those.
        let count = 2 * 64
        try await withPool {
            $0.maxConnections = 4
            $0.maxWaiters = count
            $0.acquireTimeout = .seconds(60)
        } _: { pool in
            let sleepers = (0..<count).map { _ in Task { try await pool.query(once("SELECT pg_sleep(0.02)")) }
            }
            var turns = 0
            while turns < 1000 {
                await Task.yield()
                turns += 1
            }
            #expect(pool.waiting > 0)
            for sleeper in sleepers { _ = try await sleeper.value }
        }
    }
}
