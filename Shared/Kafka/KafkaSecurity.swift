/// How a client and a cluster know each other: by certificates of both, or by a certificate of the cluster and a
/// password of the client.
///
/// The texts are those of the settings, empty where one isn't set. Nothing set is plain text.
package struct KafkaSecurity: Sendable {
    /// How SASL passes the password on.
    ///
    /// Only what is known to work: SCRAM of librdkafka before 2.6.1 (Debian 12 has 2.0.2) sends its last message with a
    /// wrong nonce (librdkafka pull request 4895), and Kafka 4 refuses that as invalid credentials.
    package enum Mechanism: String, CaseIterable, Sendable {
        case none
        /// The password as it is, so through TLS alone.
        case plain = "PLAIN"
    }

    private struct Entry {
        let name: String
        let property: String
        let value: String
    }

    private let authority: Entry
    private let certificate: [Entry]
    private let mechanism: Mechanism
    private let credentials: [Entry]

    /// - Parameters:
    ///   - authorityFile: PEM file of the authority that signed the brokers.
    ///   - certificateFile: PEM file of the client's certificate.
    ///   - keyFile: PEM file of its key.
    package init(
        authorityFile: String = "", certificateFile: String = "", keyFile: String = "",
        mechanism: Mechanism = .none, username: String = "", password: String = ""
    ) {
        authority = Entry(name: "KAFKA_SSL_CA_FILE", property: "ssl.ca.location", value: authorityFile)
        certificate = [
            Entry(
                name: "KAFKA_SSL_CERTIFICATE_FILE", property: "ssl.certificate.location",
                value: certificateFile),
            Entry(name: "KAFKA_SSL_KEY_FILE", property: "ssl.key.location", value: keyFile),
        ]
        self.mechanism = mechanism
        credentials = [
            Entry(name: "KAFKA_SASL_USERNAME", property: "sasl.username", value: username),
            Entry(name: "KAFKA_SASL_PASSWORD", property: "sasl.password", value: password),
        ]
    }

    /// librdkafka's settings; none for plain text.
    ///
    /// - Throws: `.configuration` where some of what belongs together is missing; it names the settings, and has no
    ///   secret's text.
    package func settings() throws(KafkaError) -> [String: String] {
        switch mechanism {
        case .none:
            if let stray = credentials.first(where: { !$0.value.isEmpty }) {
                throw .configuration("\(stray.name) is of no use without KAFKA_SASL_MECHANISM=PLAIN")
            }
            let files = [authority] + certificate
            if files.allSatisfy(\.value.isEmpty) { return [:] }
            try Self.require(files, "or none of the three, for TLS to Kafka")
            return Self.settings(files, ["security.protocol": "ssl"])
        case .plain:
            try Self.require(
                [authority] + credentials,
                "for KAFKA_SASL_MECHANISM=PLAIN, which sends the password through TLS alone")
            let hasCertificate = certificate.contains { !$0.value.isEmpty }
            if hasCertificate { try Self.require(certificate, "or neither file of a certificate") }
            return Self.settings(
                [authority] + credentials + (hasCertificate ? certificate : []),
                ["security.protocol": "sasl_ssl", "sasl.mechanisms": mechanism.rawValue])
        }
    }

    private static func require(_ entries: [Entry], _ purpose: String) throws(KafkaError) {
        let missing = entries.filter(\.value.isEmpty).map(\.name)
        guard missing.isEmpty else {
            throw .configuration("\(missing.joined(separator: " and ")) must be set too, \(purpose)")
        }
    }

    private static func settings(_ entries: [Entry], _ first: [String: String]) -> [String: String] {
        entries.reduce(into: first) { $0[$1.property] = $1.value }
    }
}
