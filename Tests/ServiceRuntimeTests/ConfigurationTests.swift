import Messaging
import Observability
import Testing

@testable import ServiceRuntime

@Suite("Configuration")
struct ConfigurationTests {
    enum Keys {
        static let deadline = ConfigurationKey.seconds(
            "ORDER_DEADLINE", default: 60, in: 0.5...3600, "time to finish")
        static let batch = ConfigurationKey.integer(
            "ORDER_BATCH", default: 200, in: 1...1000, "records at once")
        static let token = ConfigurationKey.text(
            "ORDER_TOKEN", default: "", isSecret: true, "for the gateway")
        static let mail = ConfigurationKey.url(
            "ORDER_MAIL", schemes: ["smtp", "smtps"], default: "", "mail server")
    }

    let service = Service(
        name: "orders", summary: "Takes orders.", httpPort: 8090,
        keys: [Keys.deadline.entry, Keys.batch.entry, Keys.token.entry, Keys.mail.entry],
        prefixes: ["ORDER_"],
        commands: [Service.Command("migrate", "bring the database up to date") { _ in }]
    ) { _ in [] }

    let database = ["DATABASE_URL": "postgres://orders:geheim@localhost/shop"]

    func read(_ environment: [String: String]) throws -> Configuration {
        try service.configuration(database.merging(environment) { _, new in new })
    }

    func faults(_ environment: [String: String]) -> [String] {
        do {
            _ = try read(environment)
            return []
        } catch {
            return (error as? ConfigurationError)?.faults ?? ["\(error)"]
        }
    }

    @Test func `what nobody sets has its default`() throws {
        let configuration = try read(["HTTP_HOST": ""])
        #expect(configuration[Keys.deadline] == .seconds(60))
        #expect(configuration[Keys.mail] == "")
        #expect(configuration[CommonKeys.httpPort] == 8090)
        #expect(configuration[CommonKeys.httpHost] == "127.0.0.1")
        #expect(configuration[CommonKeys.kafkaOnNewCluster] == .stop)
        #expect(configuration[CommonKeys.logLevel] == .info)
        #expect(configuration[CommonKeys.metricsPort] == nil)
        #expect(try configuration.kafkaSecurity() == [:])
    }

    @Test func `values have types`() throws {
        let configuration = try read([
            "ORDER_DEADLINE": "2.5", "ORDER_BATCH": "7", "ORDER_MAIL": "smtps://u:p@mail:465",
            "HTTP_PORT": "0", "METRICS_PORT": "9180",
            "KAFKA_ON_NEW_CLUSTER": "rewind", "LOG_LEVEL": "debug",
        ])
        #expect(configuration[Keys.deadline] == .milliseconds(2500))
        #expect(configuration[Keys.batch] == 7)
        #expect(configuration[Keys.mail] == "smtps://u:p@mail:465")
        #expect(configuration[CommonKeys.httpPort] == 0)
        #expect(configuration[CommonKeys.metricsPort] == 9180)
        #expect(configuration[CommonKeys.kafkaOnNewCluster] == .rewind)
        #expect(configuration[CommonKeys.logLevel] == .debug)
    }

    @Test(arguments: [
        ("ORDER_BATCH", "0", "ORDER_BATCH must be a whole number from 1 to 1000, not `0`"),
        ("ORDER_BATCH", "1.5", "ORDER_BATCH must be a whole number from 1 to 1000, not `1.5`"),
        ("ORDER_DEADLINE", "soon", "ORDER_DEADLINE must be seconds from 0.5 to 3600, not `soon`"),
        ("ORDER_DEADLINE", "nan", "ORDER_DEADLINE must be seconds from 0.5 to 3600, not `nan`"),
        ("ORDER_MAIL", "http://x", "ORDER_MAIL must be a url smtp:// or smtps://, not `http://x`"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT must be one of auto, pretty, json, not `xml`"),
        ("METRICS_PORT", "0", "METRICS_PORT must be a whole number from 1 to 65535, not `0`"),
        ("HTTP_PORT", "65536", "HTTP_PORT must be a whole number from 0 to 65535, not `65536`"),
    ])
    func `a wrong value is refused with what it should be`(name: String, value: String, fault: String) {
        #expect(faults([name: value]) == [fault])
    }

    @Test func `a secret is never repeated`() {
        let fault = faults(["DATABASE_URL": "mysql://root:geheim@x"])
        #expect(fault == ["DATABASE_URL must be a url postgres:// or postgresql://"])
    }

    @Test func `what must be set and isn't is named with what it is for`() {
        #expect(
            faults(["DATABASE_URL": ""]) == [
                "DATABASE_URL is not set; set DATABASE_URL or DATABASE_URL_FILE: "
                    + "the Postgres database, with the service's own role"
            ])
    }

    @Test func `misspelt settings are refused and others left alone`() {
        #expect(faults(["ORDERS_PORT": "1", "PATH": "/bin", "KAFKA_HOME": "/opt"]) == [])
        #expect(
            faults(["ORDER_BATHC": "1", "SHOP_X": "1", "ORDER_BATCH_FILE": "/x"]) == [
                "ORDER_BATCH_FILE is not a setting of orders; `orders --help` lists those it has",
                "ORDER_BATHC is not a setting of orders; `orders --help` lists those it has",
                "SHOP_X is not a setting of orders; `orders --help` lists those it has",
            ])
    }

    @Test func `all faults are told at once`() {
        #expect(faults(["ORDER_BATCH": "x", "HTTP_PORT": "y"]).count == 2)
    }

    @Test func `a secret comes from a file, without the line end`() throws {
        let environment = ["ORDER_TOKEN_FILE": "/run/secrets/token"].merging(database) { $1 }
        let configuration = try Configuration(
            service.table, environment: environment, prefixes: ["ORDER_"], service: "orders"
        ) { path in path == "/run/secrets/token" ? "geheim\n" : "" }
        #expect(configuration[Keys.token] == "geheim")
        #expect(!configuration.summary.contains("geheim"))
        #expect(configuration.summary.contains("ORDER_TOKEN=(hidden)\n"))
    }

    @Test func `a secret's file must be there, have something, and be the only source`() {
        #expect(
            faults(["ORDER_TOKEN_FILE": "/nonexistent"]).first?.contains("can't be read: /nonexistent")
                == true)
        let environment = ["ORDER_TOKEN_FILE": "/run/secrets/token"].merging(database) { $1 }
        #expect(throws: ConfigurationError("ORDER_TOKEN_FILE names an empty file: /run/secrets/token")) {
            try Configuration(service.table, environment: environment, prefixes: [], service: "orders") { _ in
                "\n"
            }
        }
        #expect(faults(["ORDER_TOKEN_FILE": "/x", "ORDER_TOKEN": "y"]).first?.contains("both set") == true)
    }

    @Test func `TLS to Kafka needs all three files`() throws {
        let all = [
            "KAFKA_SSL_CA_FILE": "/ca", "KAFKA_SSL_CERTIFICATE_FILE": "/certificate",
            "KAFKA_SSL_KEY_FILE": "/key",
        ]
        #expect(
            try read(all).kafkaSecurity() == [
                "security.protocol": "ssl", "ssl.ca.location": "/ca",
                "ssl.certificate.location": "/certificate",
                "ssl.key.location": "/key",
            ])
        #expect(
            faults(["KAFKA_SSL_CA_FILE": "/ca"]).first?.contains("KAFKA_SSL_KEY_FILE must be set too") == true
        )
    }

    @Test func `a password for Kafka may stand in a file, and is in no text`() throws {
        let environment = [
            "KAFKA_SSL_CA_FILE": "/ca", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "orders",
            "KAFKA_SASL_PASSWORD_FILE": "/run/secrets/kafka",
        ].merging(database) { $1 }
        let configuration = try Configuration(
            service.table, environment: environment, prefixes: ["ORDER_"], service: "orders"
        ) { path in path == "/run/secrets/kafka" ? "sesam\n" : "" }
        #expect(
            try configuration.kafkaSecurity() == [
                "security.protocol": "sasl_ssl", "ssl.ca.location": "/ca", "sasl.mechanisms": "PLAIN",
                "sasl.username": "orders", "sasl.password": "sesam",
            ])
        #expect(!configuration.summary.contains("sesam"))
        #expect(configuration.summary.contains("KAFKA_SASL_PASSWORD=(hidden)\n"))
    }

    @Test func `a way to show a password that does not work here is refused`() {
        let fault = faults(["KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"]).first
        #expect(fault == "KAFKA_SASL_MECHANISM must be one of none, PLAIN, not `SCRAM-SHA-512`")
        #expect(
            faults(["KAFKA_SASL_USERNAME": "orders"]).first?.contains("KAFKA_SASL_MECHANISM=PLAIN") == true)
    }

    @Test func `the help names every setting, its form and its default`() {
        let help = service.help
        for entry in service.table {
            #expect(help.contains(entry.name))
            #expect(help.contains(entry.meaning))
        }
        #expect(help.contains("orders migrate"))
        #expect(help.contains("(a whole number from 0 to 65535; default: 8090)"))
        #expect(help.contains("default: must be set; a file in DATABASE_URL_FILE)"))
        #expect(help.split(separator: "\n").allSatisfy { $0.count <= 140 })
    }
}
