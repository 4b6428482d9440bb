import Kafka
import Testing

@Suite("How a client and a cluster know each other")
struct KafkaSecurityTests {
    @Test func `nothing set is plain text`() throws {
        #expect(try KafkaSecurity().settings().isEmpty)
    }

    @Test func `certificates of both are TLS`() throws {
        let security = KafkaSecurity(
            authorityFile: "/ca", certificateFile: "/certificate", keyFile: "/key")
        #expect(
            try security.settings() == [
                "security.protocol": "ssl", "ssl.ca.location": "/ca",
                "ssl.certificate.location": "/certificate", "ssl.key.location": "/key",
            ])
    }

    @Test func `a password goes through TLS, with or without a certificate`() throws {
        let plain = [
            "security.protocol": "sasl_ssl", "ssl.ca.location": "/ca", "sasl.mechanisms": "PLAIN",
            "sasl.username": "orders", "sasl.password": "geheim",
        ]
        let security = KafkaSecurity(
            authorityFile: "/ca", mechanism: .plain, username: "orders", password: "geheim")
        #expect(try security.settings() == plain)
        let both = KafkaSecurity(
            authorityFile: "/ca", certificateFile: "/c", keyFile: "/k", mechanism: .plain, username: "orders",
            password: "geheim")
        let more = ["ssl.certificate.location": "/c", "ssl.key.location": "/k"]
        #expect(try both.settings() == plain.merging(more) { $1 })
    }

    @Test(arguments: [
        (KafkaSecurity(authorityFile: "/ca"), "KAFKA_SSL_CERTIFICATE_FILE and KAFKA_SSL_KEY_FILE"),
        (KafkaSecurity(certificateFile: "/c", keyFile: "/k"), "KAFKA_SSL_CA_FILE"),
        (KafkaSecurity(username: "orders"), "KAFKA_SASL_MECHANISM=PLAIN"),
        (KafkaSecurity(password: "geheim"), "KAFKA_SASL_MECHANISM=PLAIN"),
        (KafkaSecurity(mechanism: .plain, username: "orders", password: "geheim"), "KAFKA_SSL_CA_FILE"),
        (KafkaSecurity(authorityFile: "/ca", mechanism: .plain, password: "geheim"), "KAFKA_SASL_USERNAME"),
        (KafkaSecurity(authorityFile: "/ca", mechanism: .plain, username: "orders"), "KAFKA_SASL_PASSWORD"),
        (
            KafkaSecurity(
                authorityFile: "/ca", certificateFile: "/c", mechanism: .plain, username: "orders",
                password: "geheim"), "KAFKA_SSL_KEY_FILE"
        ),
    ])
    func `what is missing is named, and no password`(security: KafkaSecurity, name: String) throws {
        let error = #expect(throws: KafkaError.self) { try security.settings() }
        #expect(error?.description.contains(name) == true, "\(String(describing: error))")
        #expect(error?.description.contains("geheim") == false)
    }
}
