import FoundationEssentials
package import HTTP
import Kafka
package import Messaging
package import Observability
package import Postgres

/// What each of the shop's services is built from, ready to use.
package struct ServiceCore: Sendable {
    package let name: String
    package let configuration: Configuration
    package let logger: Logger
    /// Where the service counts what it does.
    package let metrics: PrometheusCollectorRegistry
    package let pool: PostgresPool
    /// For a connection of one's own.
    package let database: PostgresConfiguration
    /// Call `eventsWritten()` after each commit outside of the consumer that wrote to the outbox.
    package let relay: OutboxRelay
}

/// What a service adds to its core.
package struct ServiceParts<Handler: BatchHandler>: Sendable {
    package let handler: Handler
    package let routes: [Route]
    package let workers: [Worker]
    /// What must be true of the service's rows, beside the rules of messaging.
    package let rules: [ReconcilerRule]
    /// What the service needs to be of use, beside its database and its place in the group.
    package let checks: [(name: String, check: Readiness.Check)]

    package init(
        handler: Handler, routes: [Route], workers: [Worker] = [], rules: [ReconcilerRule] = [],
        checks: [(name: String, check: Readiness.Check)] = []
    ) {
        self.handler = handler
        self.routes = routes
        self.workers = workers
        self.rules = rules
        self.checks = checks
    }
}

/// A loop that a service runs beside its consumer and its relay.
package struct Worker: Sendable {
    package let name: String
    package let run: @Sendable () async throws -> Void
    package let stop: @Sendable () -> Void

    /// - Parameters:
    ///   - run: works until `stop` was called; finishes what it has in hand.
    ///   - stop: asks for that, and returns at once.
    package init(
        _ name: String, run: @escaping @Sendable () async throws -> Void, stop: @escaping @Sendable () -> Void
    ) {
        self.name = name
        self.run = run
        self.stop = stop
    }
}

extension Service {
    /// A service of the shop: Postgres, the relay, its workers, the consumer and HTTP, in this order; stopped in reverse, so
    /// that what the last batch said still goes out.
    ///
    /// - Parameters:
    ///   - migrations: applied by `NAME migrate`, with an administrator's `DATABASE_URL`; a service that finds its schema
    ///     behind them refuses to start and says so.
    ///   - commands: what it can do once beside `migrate`.
    ///   - migrate: further schemas that `migrate` brings up to date.
    ///   - make: builds the parts from the core; only builds, waits for nothing.
    package static func shop<Handler: BatchHandler>(
        _ name: String, summary: String, httpPort: Int, keys: [ConfigurationEntry] = [],
        prefixes: [String] = [],
        migrations: [Migration], commands: [Command] = [],
        migrate: @escaping @Sendable (ServiceContext) async throws -> Void = { _ in },
        make: @escaping @Sendable (ServiceCore) async throws -> ServiceParts<Handler>
    ) -> Service {
        let apply = Command("migrate", "bring the schema up to date; DATABASE_URL is an administrator's") {
            try await $0.apply(migrations, to: name)
            try await migrate($0)
        }
        return Service(
            name: name, summary: summary, httpPort: httpPort, keys: keys, prefixes: prefixes,
            commands: [apply] + commands
        ) { context in
            let core = try context.core
            let parts = try await make(core)
            let consumer = EventConsumer(
                service: name, handler: parts.handler, pool: core.pool, kafka: try context.kafka,
                instanceID: context.instanceID, policy: context.policy, relay: core.relay,
                metrics: core.metrics, logger: core.logger
            )
            context.readiness.add("postgres") {
                try await core.pool.query(PostgresStatement("readiness", "SELECT 1")())
                return .ok
            }
            context.readiness.add("consumer group") {
                consumer.isAssigned ? .ok : .bad("not in it; the log says why")
            }
            for (name, check) in parts.checks { context.readiness.add(name, check) }
            return [
                Part(
                    "postgres", start: { try await core.awaitSchema(migrations) },
                    stop: { await core.pool.close() }),
                .loop("relay", run: { try await core.relay.run() }, close: { core.relay.close() }),
            ]
                + (parts.workers + [context.reconciler(messagingRules + parts.rules)]).map {
                    Part.loop($0.name, run: $0.run, close: $0.stop)
                } + [
                    .loop("consumer", run: { try await consumer.run() }, close: { consumer.close() }),
                    context.httpPart(routes: parts.routes, translate: problem(for:)),
                ]
        }
    }

    /// What trouble that any route can meet looks like to a client.
    private static func problem(for error: any Error) -> Problem? {
        switch error {
        case is OverloadedError:
            .unavailable("Too much at once: send this again, with the same Idempotency-Key if it had one.")
        case PostgresError.cancelled, is CancellationError:
            .unavailable(
                "The service is stopping: send this again, with the same Idempotency-Key if it had one.")
        case let error as PostgresError where error.classification == .transient:
            .unavailable(
                "The database does not answer: send this again, with the same Idempotency-Key if it had one.")
        default: nil
        }
    }
}

extension ServiceContext {
    package var database: PostgresConfiguration {
        var database = PostgresConfiguration(
            url: configuration[CommonKeys.databaseURL], applicationName: service)
        database.maxConnections = configuration[CommonKeys.databaseConnections]
        // A client waits for one connection at most: however many there are, consumers and sweepers find a place.
        database.maxWaiters = HTTPServerConfiguration().connectionsMax + 1024
        database.settings["search_path"] = service
        // A prepared statement keeps the plan it got while its table was empty, and then reads all of it until the
        // table is analyzed. Every statement of ours has an index; small tables don't mind.
        database.settings["enable_seqscan"] = "off"
        database.settings["jit"] = "off"
        // A plan that is made anew for each array costs more than the statement: every batch has another one.
        database.settings["plan_cache_mode"] = "force_generic_plan"
        // Nor is any worth starting processes for, whatever the statistics of a young table say.
        database.settings["max_parallel_workers_per_gather"] = "0"
        return database
    }

    fileprivate func reconciler(_ rules: [ReconcilerRule]) -> Worker {
        let stop = StopFlag()
        let reconciler = Reconciler(
            rules: rules, database: database, interval: configuration[CommonKeys.reconcileInterval],
            metrics: metrics, logger: logger)
        return Worker("reconciler", run: { await reconciler.run(until: stop) }, stop: { stop.set() })
    }

    fileprivate var kafka: KafkaConfiguration {
        get throws {
            var kafka = KafkaConfiguration(
                bootstrapServers: configuration[CommonKeys.kafkaBootstrapServers], clientID: service,
                securitySettings: try configuration.kafkaSecurity())
            kafka.fetchWaitMilliseconds = configuration[CommonKeys.kafkaFetchWaitMilliseconds]
            kafka.sessionTimeoutMilliseconds = configuration[CommonKeys.kafkaSessionTimeoutMilliseconds]
            return kafka
        }
    }

    fileprivate var policy: KafkaCluster.Policy { configuration[CommonKeys.kafkaOnNewCluster] }

    fileprivate var instanceID: String? {
        let id = configuration[CommonKeys.kafkaInstanceID]
        if id.isEmpty { return nil }
        // Replicas in containers share their settings, and differ by the host's name alone.
        return "\(service)-\(id == "hostname" ? ProcessInfo.processInfo.hostName : id)"
    }

    fileprivate var core: ServiceCore {
        get throws {
            let database = database
            let pool = PostgresPool(configuration: database, logger: logger)
            metrics.add(pool)
            var relaying = database
            relaying.settings["synchronous_commit"] = "off"
            let relay = OutboxRelay(
                service: service, database: relaying, pool: pool, kafka: try kafka, policy: policy,
                keep: .seconds(configuration[CommonKeys.outboxRetentionDays] * 86_400), metrics: metrics,
                logger: logger)
            return ServiceCore(
                name: service, configuration: configuration, logger: logger, metrics: metrics, pool: pool,
                database: database, relay: relay)
        }
    }

    /// Brings `schema` up to date over one connection, and says what it did.
    package func apply(_ migrations: [Migration], to schema: String) async throws {
        let applied = try await PostgresConnection.with(database, logger: logger) {
            try await Migrator(schema: schema).apply(migrations, on: $0)
        }
        logger.info("schema \(schema) is up to date", metadata: [LogKey.count: "\(applied.count)"])
    }
}

extension PrometheusCollectorRegistry {
    fileprivate func add(_ pool: PostgresPool) {
        makeGauge(name: "postgres_pool_connections_in_use", help: "Connections that callers have now.") {
            Double(pool.inUse)
        }
        makeGauge(name: "postgres_pool_connections_max", help: "Connections that callers can have.") {
            Double(pool.configuration.maxConnections)
        }
        makeGauge(name: "postgres_pool_waiting", help: "Callers that wait for a connection.") {
            Double(pool.waiting)
        }
    }
}

extension ServiceCore {
    /// Waits for a database that is away, and refuses one whose schema is behind.
    fileprivate func awaitSchema(_ migrations: [Migration]) async throws {
        var backoff = Backoff()
        while true {
            do {
                return try await Migrator(schema: name).verify(migrations, on: pool)
            } catch let error as PostgresError where error.classification == .transient {
                logger.warning("waiting for the database", metadata: [LogKey.error: "\(error)"])
                try await Task.sleep(for: backoff.next())
            }
        }
    }
}

extension Part {
    /// A loop that is asked to end and then given time to finish what it has in hand, before it is cancelled.
    fileprivate static func loop(
        _ name: String, run: @escaping @Sendable () async throws -> Void,
        close: @escaping @Sendable () -> Void
    ) -> Part {
        let begun = StopFlag()
        let ended = StopFlag()
        return Part(
            name,
            run: {
                begun.set()
                defer { ended.set() }
                try await run()
            },
            stop: {
                close()
                let deadline = ContinuousClock.now + .seconds(5)
                // Where another part failed to start, no loop has begun.
                while begun.isSet, !ended.isSet, .now < deadline {
                    try? await Task.sleep(for: .milliseconds(5))
                }
            })
    }
}
