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
}
