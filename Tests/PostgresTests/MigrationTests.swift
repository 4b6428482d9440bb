import Postgres
import TestSupport
import Testing

@Suite("Postgres migrations")
struct MigrationTests {
    private let migrator = Migrator(schema: "shop")
    private let migrations = [
        Migration(
            number: 1, name: "items",
            sql: "CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1)"),
        Migration(number: 2, name: "names", sql: "ALTER TABLE item ADD COLUMN name text"),
        Migration(number: 3, name: "more", sql: "INSERT INTO item VALUES (2, 'ü')"),
    ]

    nonisolated(nonsending) private func withDatabase(
        _ body: nonisolated(nonsending) (PostgresConnection, PostgresConfiguration) async throws -> Void
    ) async throws {
        try await PostgresServer.fromEnvironment().withDatabase { configuration in
            try await PostgresConnection.with(configuration, logger: RecordedLog().logger) {
                try await body($0, configuration)
            }
        }
    }

    @Test func `migrations are applied in order, each once`() async throws {
        try await withDatabase { connection, _ in
            let pending = try await migrator.pending(migrations, on: connection)
            #expect(pending == [1, 2, 3])
            #expect(
                try await migrator.apply(Array(migrations.prefix(2)), on: connection).map(\.number) == [1, 2])
            #expect(try await migrator.apply(migrations, on: connection).map(\.number) == [3])
            #expect(try await migrator.apply(migrations, on: connection).isEmpty)
            #expect(try await connection.query(once("SELECT count(*) FROM shop.item"))[0].int64(0) == 2)
        }
    }

    @Test func `several that migrate at once take turns`() async throws {
        try await withDatabase { connection, configuration in
            let applied = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let mine = try await PostgresConnection.connect(
                            configuration, logger: RecordedLog().logger)
                        let count = try await migrator.apply(migrations, on: mine).count
                        await mine.close()
                        return count
                    }
                }
                var sum = 0
                while let count = try await group.next() { sum += count }
                return sum
            }
            #expect(applied == 3)
            #expect(try await connection.query(once("SELECT count(*) FROM shop.item"))[0].int64(0) == 2)
        }
    }

    /// What waits for a lock has all behind it wait who would not be in each other's way.
    @Test func `a migration that waits for a table lets others use it`() async throws {
        try await withDatabase { connection, configuration in
            try await migrator.apply(Array(migrations.prefix(1)), on: connection)
            let reader = try await PostgresConnection.connect(configuration, logger: RecordedLog().logger)
            let writer = try await PostgresConnection.connect(configuration, logger: RecordedLog().logger)
            try await reader.simple("BEGIN; SELECT FROM shop.item", timeout: .seconds(5))
            try await writer.simple("SET lock_timeout = '2s'", timeout: .seconds(5))
            try await withThrowingTaskGroup(of: Void.self) { group in
                let log = RecordedLog()
                let migrating = try await PostgresConnection.connect(configuration, logger: log.logger)
                group.addTask { try await migrator.apply(migrations, on: migrating) }
                try await eventually("the migration waits for the table") {
                    try await connection.query(
                        once(
                            """
                            SELECT count(*) FROM pg_locks
                            WHERE mode = 'AccessExclusiveLock' AND relation = 'shop.item'::regclass
                            """))[0].int64(0) == 1
                }
                try await writer.simple("INSERT INTO shop.item VALUES (7)", timeout: .seconds(5))
                try await eventually("it says so") {
                    log.lines.contains { $0.message == "a table is in use, migrating later" }
                }
                try await reader.simple("COMMIT", timeout: .seconds(5))
                try await group.waitForAll()
                await migrating.close()
            }
            #expect(try await migrator.pending(migrations, on: connection).isEmpty)
            await reader.close()
            await writer.close()
        }
    }

    @Test func `a migration that was changed is refused`() async throws {
        try await withDatabase { connection, _ in
            try await migrator.apply(migrations, on: connection)
            var changed = migrations
            changed[1] = Migration(number: 2, name: "names", sql: "ALTER TABLE item ADD COLUMN title text")
            await #expect(throws: MigrationError.changed(number: 2, name: "names")) {
                try await migrator.apply(changed, on: connection)
            }
            await #expect(throws: MigrationError.changed(number: 2, name: "names")) {
                try await migrator.pending(changed, on: connection)
            }
        }
    }

    @Test func `one that fails leaves no trace, and those before it stay`() async throws {
        try await withDatabase { connection, _ in
            let broken = [
                migrations[0],
                Migration(number: 2, name: "broken", sql: "CREATE TABLE half (id int); SELECT 1 / 0"),
            ]
            let error = await failure { try await migrator.apply(broken, on: connection) }
            #expect(error?.sqlState == .divisionByZero)
            #expect(try await migrator.apply(migrations, on: connection).map(\.number) == [2, 3])
            let half = try await connection.query(once("SELECT to_regclass('shop.half') IS NULL"))
            #expect(try half[0].bool(0))
        }
    }

    @Test func `a schema newer than the program runs, but isn't migrated`() async throws {
        try await withDatabase { connection, _ in
            try await migrator.apply(migrations, on: connection)
            let older = Array(migrations.prefix(2))
            #expect(try await migrator.pending(older, on: connection).isEmpty)
            await #expect(throws: MigrationError.unknown(number: 3, name: "more")) {
                try await migrator.apply(older, on: connection)
            }
        }
    }

    @Test func `one that was left out before a later one is told`() async throws {
        try await withDatabase { connection, _ in
            try await migrator.apply(migrations, on: connection)
            _ = try await connection.query(once("DELETE FROM shop.migration WHERE number = 2"))
            await #expect(throws: MigrationError.leftOut(number: 2, name: "names")) {
                try await migrator.apply(migrations, on: connection)
            }
        }
    }

    @Test func `numbers that don't follow each other are refused`() async throws {
        try await withDatabase { connection, _ in
            await #expect(throws: MigrationError.misnumbered(3)) {
                try await migrator.apply([migrations[0], migrations[2]], on: connection)
            }
        }
    }

    @Test func `one that ends its transaction is refused`() async throws {
        try await withDatabase { connection, _ in
            let ending = [Migration(number: 1, name: "ending", sql: "SELECT 1; COMMIT")]
            await #expect(throws: MigrationError.endedTransaction(number: 1, name: "ending")) {
                try await migrator.apply(ending, on: connection)
            }
        }
    }

    @Test func `a service refuses to start on a schema that is behind`() async throws {
        try await withDatabase { connection, configuration in
            let pool = PostgresPool(configuration: configuration, logger: RecordedLog().logger)
            await #expect(throws: MigrationError.pending([1, 2, 3])) {
                try await migrator.verify(migrations, on: pool)
            }
            try await migrator.apply(Array(migrations.prefix(2)), on: connection)
            await #expect(throws: MigrationError.pending([3])) {
                try await migrator.verify(migrations, on: pool)
            }
            try await migrator.apply(migrations, on: connection)
            try await migrator.verify(migrations, on: pool)
            await pool.close()
        }
    }
}
