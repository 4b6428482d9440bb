package import Kafka
package import Messaging
package import Observability

/// The settings that all services have.
package enum CommonKeys {
    package static let databaseURL = ConfigurationKey.url(
        "DATABASE_URL", schemes: ["postgres", "postgresql"], default: nil, isSecret: true,
        "the Postgres database, with the service's own role")
    package static let databaseConnections = ConfigurationKey.integer(
        "DATABASE_CONNECTIONS", default: 3, in: 1...50, "connections to Postgres at most")
    package static let kafkaBootstrapServers = ConfigurationKey.text(
        "KAFKA_BOOTSTRAP_SERVERS", default: "localhost:9092",
        "host:port of Kafka brokers, separated by commas")
    package static let kafkaFetchWaitMilliseconds = ConfigurationKey.integer(
        "KAFKA_FETCH_WAIT_MS", default: 500, in: 1...5000,
        "how long a broker keeps an idle fetch; 5 for the local broker, which answers none earlier")
    package static let kafkaSessionTimeoutMilliseconds = ConfigurationKey.integer(
        "KAFKA_SESSION_TIMEOUT_MS", default: 10_000, in: 1000...60_000,
        "how long an instance may be silent before others get its partitions; 4000 for the local broker")
    package static let kafkaOnNewCluster = ConfigurationKey<KafkaCluster.Policy>.choice(
        "KAFKA_ON_NEW_CLUSTER", default: .stop,
        "what to do on a Kafka cluster never seen: stop, or rewind: publish everything again from Postgres")
    package static let kafkaInstanceID = ConfigurationKey.text(
        "KAFKA_INSTANCE_ID", default: "",
        "a name of this instance that survives restarts (static group membership); hostname: the host's; none: dynamic"
    )
    package static let kafkaAuthorityFile = ConfigurationKey.text(
        "KAFKA_SSL_CA_FILE", default: "",
        "PEM file of the authority that signed the brokers; all three turn TLS on")
    package static let kafkaCertificateFile = ConfigurationKey.text(
        "KAFKA_SSL_CERTIFICATE_FILE", default: "", "PEM file of the service's certificate")
    package static let kafkaKeyFile = ConfigurationKey.text(
        "KAFKA_SSL_KEY_FILE", default: "", "PEM file of the service's key")
    package static let kafkaMechanism = ConfigurationKey<KafkaSecurity.Mechanism>.choice(
        "KAFKA_SASL_MECHANISM", default: .none,
        "how the service shows the brokers a password instead of a certificate; with KAFKA_SSL_CA_FILE")
    package static let kafkaUsername = ConfigurationKey.text(
        "KAFKA_SASL_USERNAME", default: "", "the service's name there")
    package static let kafkaPassword = ConfigurationKey.text(
        "KAFKA_SASL_PASSWORD", default: "", isSecret: true, "the password of that name")
    package static let outboxRetentionDays = ConfigurationKey.integer(
        "OUTBOX_RETENTION_DAYS", default: 7, in: 1...3650,
        "how long events stay in the outbox after they were published, for a rewind")
    package static let reconcileInterval = ConfigurationKey.seconds(
        "RECONCILE_INTERVAL_SECONDS", default: 30, in: 0.1...86_400,
        "how often the service checks that its own rows obey the rules of the shop")
    package static let httpHost = ConfigurationKey.text(
        "HTTP_HOST", default: "127.0.0.1", "address to listen on; 0.0.0.0 is all of them")
    package static let httpPort = httpPort(default: 8080)
    package static let metricsPort = ConfigurationKey.integer(
        "METRICS_PORT", in: 1...65535,
        "port of GET /metrics, for Prometheus, which is there only where this is set")
    package static let logFormat = ConfigurationKey<LogFormat>.choice(
        "LOG_FORMAT", default: .auto, "auto: pretty on a terminal, else json")
    package static let logLevel = ConfigurationKey<Logger.Level>.choice(
        "LOG_LEVEL", default: .info, "the least important lines to log")

    /// The row of the table for a service's own port; the value is read with `httpPort`.
    static func httpPort(default port: Int) -> ConfigurationKey<Int> {
        .integer("HTTP_PORT", default: port, in: 0...65535, "port to listen on; 0: any")
    }

    static func table(httpPort port: Int) -> [ConfigurationEntry] {
        [
            databaseURL.entry, databaseConnections.entry, kafkaBootstrapServers.entry,
            kafkaFetchWaitMilliseconds.entry, kafkaSessionTimeoutMilliseconds.entry, kafkaOnNewCluster.entry,
            kafkaInstanceID.entry,
            kafkaAuthorityFile.entry, kafkaCertificateFile.entry, kafkaKeyFile.entry,
            kafkaMechanism.entry, kafkaUsername.entry, kafkaPassword.entry,
            outboxRetentionDays.entry, reconcileInterval.entry,
            httpHost.entry, httpPort(default: port).entry, metricsPort.entry, logFormat.entry, logLevel.entry,
        ]
    }
}

/// How log lines look.
package enum LogFormat: String, CaseIterable, Sendable { case auto, pretty, json }

extension Configuration {
    /// The settings of librdkafka by which the brokers and the service know each other; none for plain text.
    ///
    /// - Throws: when some of what belongs together is set and some isn't.
    package func kafkaSecurity() throws(ConfigurationError) -> [String: String] {
        let security = KafkaSecurity(
            authorityFile: self[CommonKeys.kafkaAuthorityFile],
            certificateFile: self[CommonKeys.kafkaCertificateFile], keyFile: self[CommonKeys.kafkaKeyFile],
            mechanism: self[CommonKeys.kafkaMechanism], username: self[CommonKeys.kafkaUsername],
            password: self[CommonKeys.kafkaPassword])
        do {
            return try security.settings()
        } catch {
            guard case .configuration(let fault) = error else { throw ConfigurationError("\(error)") }
            throw ConfigurationError(fault)
        }
    }
}
