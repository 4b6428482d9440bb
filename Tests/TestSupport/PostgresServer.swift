import Foundation
import Observability
package import Postgres

/// The Postgres the tests run against; `deploy/test` starts one and says where it is.
package struct PostgresServer: Sendable {
    /// Of a role that may create databases, schemas and roles.
    package let url: String

    package init(url: String) { self.url = url }

    /// - Throws: when the environment has no `TEST_DATABASE_URL`, since a test that doesn't run must not
    ///   pass.
    package static func fromEnvironment() throws -> PostgresServer {
        guard let url = ProcessInfo.processInfo.environment["TEST_DATABASE_URL"], !url.isEmpty else {
            throw MissingServer()
        }
        return PostgresServer(url: url)
    }

    package struct MissingServer: Error, CustomStringConvertible {
        package var description: String {
            "TEST_DATABASE_URL isn't set: run the tests by deploy/test, which starts a Postgres for them"
        }
    }

    /// The configuration of an administrator's connection.
    package var configuration: PostgresConfiguration {
        PostgresConfiguration(url: url, applicationName: "tests")
    }

    /// How many tests use the server at a time; all others wait, so that its connections are enough.
    private static let slots = Slots(8)

    /// Runs the closure with a schema of its own, in which unqualified names are made and found.
    nonisolated(nonsending) package func withSchema<R>(
        _ body: nonisolated(nonsending) (PostgresConfiguration) async throws -> R
    ) async throws -> R {
        let name = PostgresServer.freshName()
        return try await PostgresServer.slots.withSlot {
            try await administrate("CREATE SCHEMA \(name)")
            return try await finishing("DROP SCHEMA \(name) CASCADE") {
                try await body(configuration(with: "options", "-csearch_path=\(name)"))
            }
        }
    }

    /// Runs the closure with a database of its own, for code that names its schemas.
    nonisolated(nonsending) package func withDatabase<R>(
        _ body: nonisolated(nonsending) (PostgresConfiguration) async throws -> R
    ) async throws -> R {
        let name = PostgresServer.freshName()
        return try await PostgresServer.slots.withSlot {
            try await administrate("CREATE DATABASE \(name)")
            return try await finishing("DROP DATABASE \(name) WITH (FORCE)") {
                try await body(configuration(with: "dbname", name))
            }
        }
    }

    /// Runs SQL as the administrator, on a connection of its own.
    package func administrate(_ sql: String) async throws {
        var configuration = configuration
        configuration.statementTimeout = .seconds(60)
        configuration.lockTimeout = .seconds(60)
        try await PostgresConnection.with(configuration, logger: RecordedLog().logger) {
            try await $0.simple(sql, timeout: .seconds(60))
        }
    }

    /// The URL with one more of libpq's settings, which overrides the one it had.
    package func url(with setting: String, _ value: String) -> String {
        guard url.hasPrefix("postgres") && url.contains("://") else { return "\(url) \(setting)='\(value)'" }
        let escaped = value.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? value
        return "\(url)\(url.contains("?") ? "&" : "?")\(setting)=\(escaped)"
    }

    /// With time enough for a machine on which a dozen tests run at once: a limit that is met is what a test is about,
    /// or an accident.
    private func configuration(with setting: String, _ value: String) -> PostgresConfiguration {
        var configuration = PostgresConfiguration(url: url(with: setting, value), applicationName: "tests")
        configuration.acquireTimeout = .seconds(30)
        configuration.statementTimeout = .seconds(30)
        configuration.idleInTransactionTimeout = .seconds(30)
        configuration.lockTimeout = .seconds(20)
        return configuration
    }

    /// Cleans up on either way out, even when the task has been cancelled meanwhile.
    nonisolated(nonsending) private func finishing<R>(
        _ sql: String, _ body: nonisolated(nonsending) () async throws -> R
    ) async throws -> R {
        let result: Result<R, any Error>
        do { result = .success(try await body()) } catch { result = .failure(error) }
        try await Task.detached { try await administrate(sql) }.value
        return try result.get()
    }

    private static func freshName() -> String {
        "test_\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
    }
}

extension PostgresConfiguration {
    /// Brings the schema in which unqualified names are found up to date.
    package func migrate(_ migrations: [Migration]) async throws {
        try await PostgresConnection.with(self, logger: RecordedLog().logger) { connection in
            let schema = try await connection.query(PostgresStatement.once("SELECT current_schema()::text")())
            _ = try await Migrator(schema: try schema[0].string(0)).apply(migrations, on: connection)
        }
    }
}
