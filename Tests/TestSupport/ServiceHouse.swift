import Kafka
package import Kernel
package import Messaging
package import Postgres

/// What the parts of a service stand on in its tests: a schema of their own, and no Kafka.
///
/// What would go there is read from the outbox.
package struct ServiceHouse: Sendable {
    package let pool: PostgresPool
    package let relay: OutboxRelay
    package let log: RecordedLog

    /// Makes the schema of `service`, and drops it once `body` has returned or thrown.
    nonisolated(nonsending) package static func run(
        _ service: String, _ migrations: [Migration],
        _ body: nonisolated(nonsending) (ServiceHouse) async throws -> Void
    ) async throws {
        try await PostgresServer.fromEnvironment().withSchema { database in
            let log = RecordedLog()
            try await database.migrate(migrations)
            let pool = PostgresPool(configuration: database, logger: log.logger)
            let relay = OutboxRelay(
                service: service, database: database, pool: pool,
                kafka: KafkaConfiguration(bootstrapServers: "unused.invalid:9092", clientID: service),
                policy: .stop, logger: log.logger)
            do {
                try await body(ServiceHouse(pool: pool, relay: relay, log: log))
                await pool.close()
            } catch {
                await pool.close()
                throw error
            }
        }
    }
}

extension Identifier {
    package static func fresh() -> Identifier { .v7(at: .now()) }
}
