import Foundation
import Testing

@testable import ShopTool

@Suite("Settings of the tool") struct SettingsTests {
    /// A folder such as `deploy/up` keeps, gone when the test is over.
    private func withLocalFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(
            at: folder.appending(path: "run"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder.path)
    }

    @Test func `the environment comes first, the preset last`() throws {
        let settings = Settings(
            environment: ["ORDERS_URL": "http://a:1", "PAYMENTS_URL": ""], localFolder: nil)
        #expect(try settings[.ordersURL] == "http://a:1")
        #expect(try settings[.paymentsURL] == "http://127.0.0.1:8082")
    }

    @Test func `each service has an address and a password, and so has the gateway's role`() {
        let names = Setting.allCases.map(\.rawValue)
        #expect(
            Shop.services.map { Setting.url(of: $0).rawValue }
                == names.filter { $0.hasSuffix("_URL") && $0 != "DATABASE_URL" })
        #expect(
            Roles.names.map { Setting.password(of: $0).rawValue }
                == names.filter { $0.hasSuffix("_DATABASE_PASSWORD") })
    }

    @Test func `a service's address may end with a slash, and is one of HTTP`() throws {
        func address(_ text: String) throws -> String {
            try Settings(environment: ["ORDERS_URL": text], localFolder: nil)[.ordersURL]
        }
        #expect(try address("http://a:1/") == "http://a:1")
        #expect(try address("https://a/shop//") == "https://a/shop")
        for text in ["foo", "ftp://a", "http://", "http:///", "127.0.0.1:8080"] {
            #expect(
                throws: Failure(
                    "ORDERS_URL is an address such as http://127.0.0.1:8080, not `\(text)`")
            ) { try address(text) }
        }
    }

    @Test func `what deploy-up has started is found without an environment`() throws {
        try withLocalFolder { folder in
            try "18082".write(toFile: "\(folder)/run/payments.port", atomically: true, encoding: .utf8)
            try "postgres://x\n".write(toFile: "\(folder)/database-url", atomically: true, encoding: .utf8)
            let settings = Settings(environment: ["ORDERS_URL": "http://a:1"], localFolder: folder)
            #expect(try settings[.paymentsURL] == "http://127.0.0.1:18082")
            #expect(try settings[.databaseURL] == "postgres://x")
            #expect(try settings[.ordersURL] == "http://a:1")
            #expect(try settings[.bootstrapServers] == "127.0.0.1:9092")
            try "[::1]".write(toFile: "\(folder)/run/payments.host", atomically: true, encoding: .utf8)
            #expect(try settings[.paymentsURL] == "http://[::1]:18082")
        }
    }

    @Test func `a secret may stand in a file`() throws {
        try withLocalFolder { folder in
            try "s3cret\n".write(toFile: "\(folder)/p", atomically: true, encoding: .utf8)
            let settings = Settings(
                environment: [
                    "ORDERS_DATABASE_PASSWORD_FILE": "\(folder)/p", "DATABASE_URL_FILE": "/nowhere",
                ],
                localFolder: nil)
            #expect(try settings[.ordersPassword] == "s3cret")
            #expect(throws: Failure("DATABASE_URL_FILE: can't read /nowhere")) { try settings[.databaseURL] }
        }
    }

    @Test func `TLS to Kafka takes all three files or none`() throws {
        #expect(try Settings(environment: [:], localFolder: nil).kafkaSecurity.isEmpty)
        let some = Settings(environment: ["KAFKA_SSL_CA_FILE": "/ca"], localFolder: nil)
        #expect(throws: Failure.self) { try some.kafkaSecurity }
        let all = Settings(
            environment: [
                "KAFKA_SSL_CA_FILE": "/ca", "KAFKA_SSL_CERTIFICATE_FILE": "/c", "KAFKA_SSL_KEY_FILE": "/k",
            ], localFolder: nil)
        #expect(try all.kafkaSecurity["security.protocol"] == "ssl")
    }

    @Test func `a password for Kafka needs its mechanism, and that is one of a few`() throws {
        var environment = [
            "KAFKA_SSL_CA_FILE": "/ca", "KAFKA_SASL_USERNAME": "a", "KAFKA_SASL_PASSWORD": "b",
        ]
        #expect(throws: Failure.self) {
            try Settings(environment: environment, localFolder: nil).kafkaSecurity
        }
        environment["KAFKA_SASL_MECHANISM"] = "PLAIN"
        let security = try Settings(environment: environment, localFolder: nil).kafkaSecurity
        #expect(security["security.protocol"] == "sasl_ssl")
        environment["KAFKA_SASL_MECHANISM"] = "SCRAM"
        #expect(throws: Failure("KAFKA_SASL_MECHANISM is one of none, PLAIN, not `SCRAM`")) {
            try Settings(environment: environment, localFolder: nil).kafkaSecurity
        }
    }

    @Test
    func `to the broker of deploy-up it is known as deploy-up has made it, and to another one it isn't`()
        throws
    {
        try withLocalFolder { folder in
            func security(_ environment: [String: String] = [:]) throws -> [String: String] {
                try Settings(environment: environment, localFolder: folder).kafkaSecurity
            }
            func write(_ text: String, to file: String) throws {
                try text.write(toFile: "\(folder)/\(file)", atomically: true, encoding: .utf8)
            }
            try write("127.0.0.1:9092", to: "run/bootstrap")
            #expect(try security().isEmpty)
            try write("none", to: "run/kafka.security")
            #expect(try security().isEmpty)
            try write("tls", to: "run/kafka.security")
            let tls = [
                "security.protocol": "ssl", "ssl.ca.location": "\(folder)/tls/ca.pem",
                "ssl.certificate.location": "\(folder)/tls/shop.pem",
                "ssl.key.location": "\(folder)/tls/shop.pem",
            ]
            #expect(try security() == tls)
            #expect(try security(["KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092"]) == tls)
            #expect(try security(["KAFKA_BOOTSTRAP_SERVERS": "elsewhere:9092"]).isEmpty)

            try write("sasl", to: "run/kafka.security")
            #expect(throws: Failure.self, "the password is missing") { try security() }
            try FileManager.default.createDirectory(
                atPath: "\(folder)/secrets", withIntermediateDirectories: false)
            try write("sesam\n", to: "secrets/kafka-shop")
            #expect(
                try security() == [
                    "security.protocol": "sasl_ssl", "ssl.ca.location": "\(folder)/tls/ca.pem",
                    "sasl.mechanisms": "PLAIN", "sasl.username": "shop", "sasl.password": "sesam",
                ])
        }
    }
}
