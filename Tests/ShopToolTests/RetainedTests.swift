import Kernel
import Messaging
import Observability
import Postgres
import TestSupport
import Testing

@testable import ShopTool

@Suite("The audit of what retention has left") struct RetainedTests {
    /// As much of the schemas as the checks of events look at.
    private static let tables =
        "CREATE SCHEMA orders; CREATE TABLE orders.orders (id uuid, status text, created_at timestamptz);"
        + Shop.services.map { service in
            """
            CREATE SCHEMA IF NOT EXISTS \(service);
            CREATE TABLE \(service).outbox (seq bigint GENERATED ALWAYS AS IDENTITY, event_id uuid DEFAULT
                gen_random_uuid(), causation_id uuid, topic text, key text, version bigint DEFAULT 1);
            CREATE TABLE \(service).outbox_dropped (name text, newest timestamptz);
            """
        }.joined()

    /// The checks that find something, without those that find nothing.
    private func violated(_ connection: PostgresConnection) async throws -> [String] {
        var found: [String] = []
        let checks = orderChecks.filter { $0.says.hasPrefix("an ended order") } + outboxChecks
        for check in checks {
            let finding = try await check.find(on: connection)
            if finding.violations != 0 { found.append("\(check.name) \(finding.violations ?? -1)") }
        }
        let path = try await PathCheck.find(atRest: false, on: connection)
        if path.violations != 0 { found.append("path \(path.violations ?? -1)") }
        return found
    }

    private func order(_ id: Identifier, daysAgo: Int, _ connection: PostgresConnection) async throws {
        // Its end is still there, its beginning and the cause of its end are gone.
        try await connection.simple(
            """
            INSERT INTO orders.orders VALUES ('\(id)', 'confirmed', now() - interval '\(daysAgo) days');
            INSERT INTO payments.outbox (topic, key, causation_id)
            VALUES ('payments.captured', '\(id)', gen_random_uuid())
            """, timeout: .seconds(5))
    }

    @Test func `an order is asked for its events if it was placed after the last that were dropped`()
        async throws
    {
        try await PostgresServer.fromEnvironment().withDatabase { database in
            let connection = try await PostgresConnection.connect(database, logger: RecordedLog().logger)
            try await connection.simple(Self.tables, timeout: .seconds(10))
            #expect(try await violated(connection) == [])
            try await order(.v7(at: Timestamp(unixMilliseconds: 0)), daysAgo: 8, connection)
            #expect(try await violated(connection) == ["S2 1", "S7 1", "path 1"])
            try await connection.simple(
                Shop.services.map {
                    "INSERT INTO \($0).outbox_dropped VALUES ('a', now() - interval '7 days'), ('b', NULL);"
                }.joined(), timeout: .seconds(5))
            #expect(try await violated(connection) == [])
            try await order(.v7(at: Timestamp(unixMilliseconds: 0)), daysAgo: 1, connection)
            #expect(try await violated(connection) == ["S2 1", "S7 1", "path 1"])
            await connection.close()
        }
    }

    @Test func `a record is no phantom if its outbox may have dropped it`() {
        let time = Timestamp(unixMilliseconds: 1_000_000)
        #expect(Identifier.v7(unixMilliseconds: 999_999, random: (.max, .max)).isMade(before: time))
        #expect(!Identifier.v7(unixMilliseconds: 1_000_000, random: (0, 0)).isMade(before: time))
    }
}
