import Contracts
import Kafka
import Messaging
import Observability
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import ShopTool

@Suite("What setup makes", .serialized) struct SetupTests {
    @Test func `topics are made as the table says`() {
        let created = TopicSetup.specification(of: .ordersCreated, TopicPlan())
        #expect(created.partitions == 3)
        #expect(created.config == ["cleanup.policy": "delete", "retention.ms": "604800000"])
        let stock = TopicSetup.specification(of: .inventoryStock, TopicPlan(replication: 3))
        #expect(stock.config == ["cleanup.policy": "compact", "min.insync.replicas": "2"])
    }

    @Test func `a topic of another width is refused`() async throws {
        let logger = RecordedLog().logger
        let cluster = try MockCluster(brokers: 1, logger: logger)
        defer { cluster.close() }
        for topic in Topic.all {
            try cluster.createTopic(topic.name, partitions: topic == .ordersCreated ? 4 : Topic.partitions)
        }
        let admin = try KafkaAdmin(
            configuration: KafkaConfiguration(bootstrapServers: cluster.bootstrapServers, clientID: "test"),
            logger: logger)
        await #expect(throws: Failure.self) { try await TopicSetup.makeMissing(TopicPlan(), with: admin) }
        await admin.close()
    }

    @Test func `a missing topic is made as wide as those that are there`() {
        func widths(_ found: [(Topic, Int32)]) -> TopicWidths {
            TopicWidths(of: found.map { TopicMetadata(name: $0.name, partitions: $1) })
        }
        let new = widths([])
        #expect(new.usual == nil && new.missing.count == Topic.all.count && new.advice == nil)
        let wide = widths([(.ordersCreated, 12)])
        #expect(wide.usual == 12 && wide.missing.count == Topic.all.count - 1 && wide.advice == nil)
        let odd = widths([(.ordersCreated, 6), (.ordersConfirmed, 4), (.ordersCancelled, 6)])
        #expect(odd.usual == 6)
        #expect(odd.advice?.hasPrefix("orders.confirmed not of 6 partitions") == true)
    }

    @Test func `how topics are made comes from the environment`() throws {
        func plan(_ environment: [String: String]) throws -> TopicPlan {
            try TopicPlan(Settings(environment: environment, localFolder: nil))
        }
        let wide = try plan(["KAFKA_PARTITIONS": "12"])
        #expect(wide.partitions == 12 && wide.replication == 1)
        for text in ["many", "0", "-3", "99999999999"] {
            #expect(throws: Failure("KAFKA_PARTITIONS is a number above 0, not `\(text)`")) {
                try plan(["KAFKA_PARTITIONS": text])
            }
        }
    }

    @Test func `topics that are there are left alone`() async throws {
        let logger = RecordedLog().logger
        let cluster = try MockCluster(brokers: 1, logger: logger)
        defer { cluster.close() }
        for topic in Topic.all { try cluster.createTopic(topic.name, partitions: Topic.partitions) }
        let admin = try KafkaAdmin(
            configuration: KafkaConfiguration(bootstrapServers: cluster.bootstrapServers, clientID: "test"),
            logger: logger)
        let made = try await TopicSetup.makeMissing(TopicPlan(), with: admin)
        await admin.close()
        #expect(made.isEmpty)
    }

    @Test func `each service forgets what it knew by its place in topics that were not there`() async throws {
        let server = try PostgresServer.fromEnvironment()
        try await server.withDatabase { configuration in
            let connection = try await PostgresConnection.connect(configuration, logger: RecordedLog().logger)
            for service in Shop.services {
                let migrator = Migrator(schema: service)
                _ = try await migrator.apply(
                    [messagingMigration, deadLettersOutOfPlace(number: 2)], on: connection)
                try await connection.simple(
                    """
                    INSERT INTO \(service).consumer_offset SELECT 'cluster', topic, 0, 7, 1
                    FROM unnest('{orders.created,orders.cancelled}'::text[]) AS topic;
                    INSERT INTO \(service).dead_letter (cluster_id, topic, partition, "offset", headers, error_class, error)
                    SELECT cluster_id, topic, partition, 3, '[]', 'test', 'test' FROM \(service).consumer_offset
                    """, timeout: .seconds(5))
            }
            let shop = Shop(
                settings: Settings(environment: ["DATABASE_URL": configuration.url], localFolder: nil),
                console: Console { _, _ in })
            try await TopicSetup.forget(["orders.created"], cluster: "cluster", shop)
            for service in Shop.services {
                let known = PostgresStatement.once(
                    """
                    SELECT topic || ' ' || next || ' ' || coalesce(letter.cluster_id, 'none')
                    FROM \(service).consumer_offset JOIN \(service).dead_letter AS letter USING (topic) ORDER BY 1
                    """)
                let rows = try await connection.query(known()).map { try $0.string(0) }
                #expect(rows == ["orders.cancelled 7 cluster", "orders.created 0 none"], "\(service)")
            }
            await connection.close()
        }
    }

    @Test func `a password is set for a role that is made, or where it was asked for`() async throws {
        let server = try PostgresServer.fromEnvironment()
        try await server.withDatabase { configuration in
            let connection = try await PostgresConnection.connect(configuration, logger: RecordedLog().logger)
            _ = try await Roles.establish(passwords: [:], on: connection)
            // A password that is set gets a new salt. Other tests have setups of their own, which give all of them.
            try await eventually("a setup leaves the passwords alone") {
                let before = try await hashes(connection)
                _ = try await Roles.establish(passwords: [:], on: connection)
                return try await hashes(connection) == before
            }
            let before = try await hashes(connection)
            _ = try await Roles.establish(passwords: ["payments": "payments"], on: connection)
            #expect(try await hashes(connection)["payments"] != before["payments"])
            await connection.close()
        }
    }

    @Test func `a password is nowhere to be read on its way`() async throws {
        let server = try PostgresServer.fromEnvironment()
        try await server.withDatabase { configuration in
            let logger = RecordedLog().logger
            let holder = try await PostgresConnection.connect(configuration, logger: logger)
            let watcher = try await PostgresConnection.connect(configuration, logger: logger)
            let connection = try await PostgresConnection.connect(configuration, logger: logger)
            _ = try await Roles.establish(passwords: [:], on: connection)
            // The server shows, and logs where it fails, the text of what waits here.
            try await holder.simple("BEGIN; ALTER ROLE payments CONNECTION LIMIT -1", timeout: .seconds(5))
            async let setup = Roles.establish(passwords: ["payments": "payments"], on: connection)
            let waiting = PostgresStatement.once(
                "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'ALTER ROLE payments%'"
            )
            let texts = Mutex<[String]>([])
            try await eventually("setup waits for the role") {
                let rows = try await watcher.query(waiting())
                texts.withLock { $0 = rows.compactMap { try? $0.string(0) } }
                return rows.rowCount > 0
            }
            try await holder.simple("ROLLBACK", timeout: .seconds(5))
            _ = try await setup
            #expect(texts.withLock { $0 }.allSatisfy { $0.contains("PASSWORD E'SCRAM-SHA-256$") })
            for open in [holder, watcher, connection] { await open.close() }
        }
    }

    private func hashes(_ connection: PostgresConnection) async throws -> [String: String] {
        let read = PostgresStatement.once(
            "SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = ANY ($1::text[])")
        let rows = try await connection.query(read(Roles.names))
        return try Dictionary(uniqueKeysWithValues: rows.map { (try $0.string(0), try $0.string(1)) })
    }

    @Test func `a role reaches its own schema and no other, and makes no tables`() async throws {
        let server = try PostgresServer.fromEnvironment()
        try await server.withDatabase { configuration in
            let connection = try await PostgresConnection.connect(configuration, logger: RecordedLog().logger)
            // Roles belong to the whole cluster, where other tests rely on these passwords.
            let passwords = Dictionary(uniqueKeysWithValues: Roles.names.map { ($0, $0) })
            _ = try await Roles.establish(passwords: passwords, on: connection)
            #expect(try await Roles.establish(passwords: passwords, on: connection).isEmpty)
            try await connection.simple(
                "CREATE TABLE orders.thing (id int); CREATE TABLE payments.thing (id int)",
                timeout: .seconds(5))
            try await connection.simple("SET ROLE orders", timeout: .seconds(5))
            try await connection.simple("INSERT INTO orders.thing VALUES (1)", timeout: .seconds(5))
            for forbidden in [
                "SELECT FROM payments.thing", "CREATE TABLE orders.more (id int)",
                "CREATE TABLE public.more (id int)",
                "CREATE TEMPORARY TABLE more (id int)", "DROP TABLE orders.thing", "CREATE SCHEMA more",
            ] {
                await #expect(throws: PostgresError.self, "\(forbidden)") {
                    try await connection.simple(forbidden, timeout: .seconds(5))
                }
            }
            await connection.close()
        }
    }
}
