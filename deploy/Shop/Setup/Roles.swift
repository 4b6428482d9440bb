import Postgres

/// The services' roles and schemas: each service has one of both, of its own name, and can reach no other.
///
/// A role may read and write the rows of its schema and change no table: tables are the migrations' alone,
/// which run as the administrator.
enum Roles {
    /// The sandbox of the payment gateway is an outside company, so it has a schema and a role as the
    /// services do.
    static let names = Shop.services + ["gateway"]

    private static let existing = PostgresStatement.once(
        "SELECT rolname::text, rolsuper FROM pg_roles WHERE rolname = ANY ($1::text[])")

    private static let databaseName = PostgresStatement.once("SELECT quote_ident(current_database())")

    /// Makes what is missing and sets right what is there, all or nothing.
    ///
    /// - Parameter passwords: by role. One that is missing here keeps the password that it has, since somebody may have
    ///   changed it; where it is made now, its name is its password.
    /// - Returns: the roles that were not there before.
    /// - Throws: `Failure` where a role of that name is a superuser, which no service may run as.
    static func establish(
        passwords: [String: String], on connection: PostgresConnection
    ) async throws -> [String] {
        var attempt = 1
        while true {
            do {
                return try await establishOnce(passwords: passwords, on: connection)
            } catch let error as PostgresError where isRace(error) && attempt < attemptsMax {
                // Roles belong to the whole cluster: another database's setup changed them at the same time.
                try await run("ROLLBACK", on: connection)
                try await Task.sleep(for: .milliseconds(100 * attempt))
                attempt += 1
            }
        }
    }

    private static let attemptsMax = 10

    private static func isRace(_ error: PostgresError) -> Bool {
        // `tuple concurrently updated` has no code of its own, but that of an internal error.
        error.sqlState == .uniqueViolation || error.sqlState?.rawValue == "XX000"
    }

    private static func establishOnce(
        passwords: [String: String], on connection: PostgresConnection
    ) async throws -> [String] {
        try await run(
            "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('shop setup', 0))", on: connection)
        var known: Set<String> = []
        for row in try await connection.query(existing(names)) {
            let name = try row.string(0)
            guard try !row.bool(1) else {
                throw Failure(
                    "the role `\(name)` is a superuser, and a service must not be: give it another name")
            }
            known.insert(name)
        }
        let missing = names.filter { !known.contains($0) }
        let database = try await connection.query(databaseName())[0].string(0)
        for role in missing { try await run("CREATE ROLE \(role)", on: connection) }
        try await run(fences(database: database), on: connection)
        for role in names {
            let password = passwords[role] ?? (missing.contains(role) ? role : nil)
            var verifier: String?
            if let password { verifier = try await connection.passwordVerifier(password, role: role) }
            try await run(rights(of: role, verifier: verifier, database: database), on: connection)
        }
        try await run("COMMIT", on: connection)
        return missing
    }

    /// Leaves the list of applied migrations to those who migrate; a service only reads it.
    static func protectMigrations(on connection: PostgresConnection) async throws {
        for role in names {
            try await run(
                "REVOKE INSERT, UPDATE, DELETE ON TABLE \(role).migration FROM \(role)", on: connection)
        }
    }

    /// What everybody has by default, and nobody shall have here.
    private static func fences(database: String) -> String {
        """
        REVOKE ALL ON DATABASE \(database) FROM PUBLIC;
        REVOKE ALL ON SCHEMA public FROM PUBLIC
        """
    }

    /// The limits are the same as the services set for themselves; here they hold for a person with `psql`
    /// too.
    private static func rights(of role: String, verifier: String?, database: String) -> String {
        let others = names.filter { $0 != role }
        return """
            ALTER ROLE \(role) WITH LOGIN\(verifier.map { " PASSWORD \(SQLText.literal($0))" } ?? "");
            GRANT CONNECT ON DATABASE \(database) TO \(role);
            ALTER ROLE \(role) IN DATABASE \(database) SET search_path = \(role);
            ALTER ROLE \(role) IN DATABASE \(database) SET statement_timeout = '5s';
            ALTER ROLE \(role) IN DATABASE \(database) SET lock_timeout = '2s';
            ALTER ROLE \(role) IN DATABASE \(database) SET idle_in_transaction_session_timeout = '5s';
            CREATE SCHEMA IF NOT EXISTS \(role);
            REVOKE ALL ON SCHEMA \(role) FROM PUBLIC, \(others.joined(separator: ", "));
            REVOKE ALL ON ALL TABLES IN SCHEMA \(role) FROM PUBLIC, \(others.joined(separator: ", "));
            REVOKE CREATE ON SCHEMA \(role) FROM \(role);
            GRANT USAGE ON SCHEMA \(role) TO \(role);
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \(role) TO \(role);
            GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA \(role) TO \(role);
            ALTER DEFAULT PRIVILEGES IN SCHEMA \(role)
                GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO \(role);
            ALTER DEFAULT PRIVILEGES IN SCHEMA \(role) GRANT USAGE, SELECT ON SEQUENCES TO \(role)
            """
    }

    private static func run(_ sql: String, on connection: PostgresConnection) async throws {
        try await connection.simple(sql, timeout: .seconds(30))
    }
}

/// Text as a part of SQL, for the statements that take no parameters.
enum SQLText {
    static func literal(_ text: String) -> String {
        // An E string reads the same whatever `standard_conforming_strings` says.
        var literal = "E'".unicodeScalars
        // Not by characters: a quote with an accent is one of its own to Swift, and a quote to Postgres.
        for scalar in text.unicodeScalars {
            if scalar == "'" || scalar == "\\" { literal.append(scalar) }
            literal.append(scalar)
        }
        literal.append("'")
        return String(literal)
    }
}
