internal import Observability

/// Brings one schema up to date, and tells a service whether it is.
///
/// What has been applied stands in the table `migration` of that schema, with a checksum of its text.
package struct Migrator: Sendable {
    package let schema: String
    /// How long one migration may take, or wait for another program that is migrating or for who uses a table.
    private static let timeout = Duration.seconds(300)

    package init(schema: String) { self.schema = schema }

    private var quotedSchema: String {
        "\"\(schema.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
    }

    /// Applies what hasn't been applied, each migration in a transaction of its own.
    ///
    /// Creates the schema if it isn't there. Any number of programs may do it at once: they take turns, and
    /// each migration is applied once.
    ///
    /// - Parameters:
    ///   - migrations: all that the program knows, in order.
    ///   - connection: of a role that may create what the migrations do.
    /// - Returns: those that were applied here.
    /// - Throws: `MigrationError`, or `PostgresError` of the statement that failed, whose migration has left
    ///   no trace.
    @discardableResult
    package func apply(
        _ migrations: [Migration], on connection: PostgresConnection
    ) async throws -> [Migration] {
        try Migrator.checkNumbers(of: migrations)
        try await turn(on: connection) { try await createTable(on: connection) }
        var applied: [Migration] = []
        for migration in migrations {
            let isNew = try await turn(on: connection) {
                let rows = try await connection.query(comparison(migrations))
                let (pending, newer) = try check(rows)
                if let newer { throw newer }
                guard pending.contains(migration.number) else { return false }
                try await run(migration, on: connection)
                return true
            }
            guard isNew else { continue }
            applied.append(migration)
            connection.logger.info(
                "migration applied",
                metadata: ["db.schema": schema, "migration": "\(migration.number) \(migration.name)"])
        }
        return applied
    }

    /// The numbers of the migrations that are still to be applied.
    ///
    /// A schema that has more migrations than the list is fine: while a new version is rolled out, the old
    /// one may have to start once more, and migrations don't take away what the version before them needs.
    ///
    /// - Throws: `MigrationError` when what was applied isn't what the list says.
    package func pending(
        _ migrations: [Migration], on connection: PostgresConnection
    ) async throws -> [Int] {
        try Migrator.checkNumbers(of: migrations)
        do {
            return try check(try await connection.query(comparison(migrations))).pending
        } catch let error as PostgresError where error.sqlState == .undefinedTable {
            return migrations.map(\.number)
        }
    }

    /// For a service at its start: refuses a schema that isn't what it was written for.
    ///
    /// - Throws: `MigrationError`, after which the service must not run; `PostgresError`.
    package func verify(_ migrations: [Migration], on pool: PostgresPool) async throws {
        let pending = try await pool.withConnection { try await self.pending(migrations, on: $0) }
        guard pending.isEmpty else { throw MigrationError.pending(pending) }
    }
}

extension Migrator {
    private static func checkNumbers(of migrations: [Migration]) throws {
        for (index, migration) in migrations.enumerated() where migration.number != index + 1 {
            throw MigrationError.misnumbered(migration.number)
        }
    }

    /// Runs something in a transaction, alone among all who migrate this schema; again while a table that it wants to lock
    /// is in use, as by a dump.
    private func turn<R: Sendable>(
        on connection: PostgresConnection, _ body: () async throws -> R
    ) async throws -> R {
        let deadline = ContinuousClock.now + Migrator.timeout
        while true {
            do {
                return try await attempt(on: connection, body)
            } catch let error as PostgresError
                where error.sqlState == .lockNotAvailable && .now < deadline
            {
                connection.logger.info(
                    "a table is in use, migrating later", metadata: ["db.schema": schema])
                // For the queries of the running services that queued behind the wait.
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func attempt<R: Sendable>(
        on connection: PostgresConnection, _ body: () async throws -> R
    ) async throws -> R {
        // A migration may take longer than a service's statements, and so may the wait for one. The wait for a table has
        // all who use it queue behind it: it ends before they give up, after 2 s, and after the second in which Postgres
        // takes an autovacuum out of the way.
        try await connection.simple(
            """
            BEGIN;
            SET LOCAL statement_timeout = 0;
            SET LOCAL lock_timeout = 0;
            SET LOCAL idle_in_transaction_session_timeout = 0;
            SELECT pg_advisory_xact_lock(hashtextextended('migration of ' || $schema$\(schema)$schema$, 0));
            SET LOCAL lock_timeout = '1500ms'
            """, timeout: Migrator.timeout)
        do {
            let value = try await body()
            try await connection.simple("COMMIT", timeout: Migrator.timeout)
            return value
        } catch {
            // The first error is the one to tell; if this fails, the connection is gone, and the transaction
            // with it.
            try? await connection.simple("ROLLBACK", timeout: Migrator.timeout)
            throw error
        }
    }

    /// Asks first, since `CREATE SCHEMA IF NOT EXISTS` wants the right to create it even where it exists.
    private func createTable(on connection: PostgresConnection) async throws {
        let question = PostgresStatement.once("SELECT to_regclass($1) IS NOT NULL")
        let answer = try await connection.query(question("\(quotedSchema).migration"))
        if try answer[0].bool(0) { return }
        try await connection.simple(
            """
            CREATE SCHEMA IF NOT EXISTS \(quotedSchema);
            CREATE TABLE \(quotedSchema).migration (
                number int PRIMARY KEY,
                name text NOT NULL,
                checksum bytea NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now())
            """, timeout: Migrator.timeout)
    }

    private func run(_ migration: Migration, on connection: PostgresConnection) async throws {
        try await connection.simple("SET LOCAL search_path TO \(quotedSchema)", timeout: Migrator.timeout)
        try await connection.simple(migration.sql, timeout: Migrator.timeout)
        guard connection.gate.status == .inTransaction else {
            throw MigrationError.endedTransaction(number: migration.number, name: migration.name)
        }
        let record = PostgresStatement.once(
            """
            INSERT INTO \(quotedSchema).migration (number, name, checksum)
            VALUES ($1, $2, sha256(convert_to($3, 'UTF8')))
            """)
        try await connection.query(record(Int32(migration.number), migration.name, migration.sql))
    }

    /// Asks for each migration on either side whether it was applied and whether it is the same one.
    private func comparison(_ migrations: [Migration]) -> PostgresQuery {
        let statement = PostgresStatement.once(
            """
            SELECT number, coalesce(applied.name, known.name), known.name IS NOT NULL,
                applied.name IS NOT NULL, coalesce(applied.name = known.name
                    AND applied.checksum = sha256(convert_to(known.sql, 'UTF8')), false)
            FROM unnest($1, $2, $3) AS known (number, name, sql)
            FULL JOIN \(quotedSchema).migration AS applied USING (number)
            ORDER BY number
            """)
        return statement(
            migrations.map { Int32($0.number) }, migrations.map(\.name), migrations.map(\.sql))
    }

    /// Reads the answer: the numbers that are missing at the end, and what to say of those that are too many
    /// there.
    private func check(_ rows: PostgresResult) throws -> (pending: [Int], newer: MigrationError?) {
        var pending: [(number: Int, name: String)] = []
        var newer: MigrationError?
        for row in rows {
            let (number, name) = (Int(try row.int32(0)), try row.string(1))
            let (isKnown, isApplied, isSame) = (try row.bool(2), try row.bool(3), try row.bool(4))
            guard isApplied else {
                pending.append((number, name))
                continue
            }
            if let gap = pending.first { throw MigrationError.leftOut(number: gap.number, name: gap.name) }
            guard isKnown else {
                newer = newer ?? .unknown(number: number, name: name)
                continue
            }
            guard isSame else { throw MigrationError.changed(number: number, name: name) }
        }
        return (pending.map(\.number), newer)
    }
}
