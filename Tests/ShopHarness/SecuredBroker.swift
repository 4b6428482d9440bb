package import Foundation
package import Kafka
import TestSupport

/// An Apache Kafka that asks who comes and what he may do, made and started by what `deploy/up` does it by.
package struct SecuredBroker: Sendable {
    /// The words of `KAFKA_SECURITY`.
    package enum Security: String, Sendable { case tls, sasl }

    package let address: String
    package let security: Security
    /// What `.local` is to `deploy/up`.
    package let folder: URL
    private let home: String

    package struct NoKafka: Error, CustomStringConvertible {
        package var description: String { "KAFKA_HOME isn't set, or the broker there doesn't start" }
    }

    /// Runs the body beside such a broker, which is ended and forgotten afterwards.
    package static func with(
        _ security: Security, _ body: (SecuredBroker) async throws -> Void
    ) async throws {
        guard let home = ProcessInfo.processInfo.environment["KAFKA_HOME"] else { throw NoKafka() }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("kafka-\(freshWord())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var port = try freePort(besides: [])
        // The controller's is the next one.
        while (try? RawSocket(port: port + 1)) != nil { port = try freePort(besides: [port]) }
        let broker = SecuredBroker(
            address: "127.0.0.1:\(port)", security: security, folder: folder, home: home)
        let janitor = try Janitor()
        defer { janitor.close() }
        do {
            try await broker.part("start", port, janitor)
            try await body(broker)
        } catch {
            try? await broker.part("wipe", port, janitor)
            throw error
        }
        try await broker.part("wipe", port, janitor)
        try FileManager.default.removeItem(at: folder)
    }

    /// Starts the broker or ends it, by the scripts of `deploy`.
    private func part(_ verb: String, _ port: Int, _ janitor: Janitor) async throws {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../deploy/lib/part").standardized.path
        let environment = ProcessInfo.processInfo.environment.merging([
            "state": folder.path, "KAFKA_HOME": home, "KAFKA_PORT": "\(port)",
            "KAFKA_SECURITY": security.rawValue,
        ]) { $1 }
        let log = folder.appendingPathComponent("part.log")
        let program = try Program(
            script, [verb, "kafka"], environment: environment, log: log, janitor: janitor)
        let code = try await program.ended(within: .seconds(90))
        let id = try? String(contentsOf: folder.appendingPathComponent("run/kafka.pid"), encoding: .utf8)
        if let pid = id?.split(separator: " ").first.flatMap({ Int32($0) }) { janitor.watch(pid) }
        guard code == 0 else {
            print((try? String(contentsOf: log, encoding: .utf8)) ?? "")
            throw NoKafka()
        }
    }

    /// The settings by which it knows a service, or `shop`.
    package func environment(of principal: String) -> [String: String] {
        let authority = ["KAFKA_SSL_CA_FILE": "\(folder.path)/tls/ca.pem"]
        let certificate = "\(folder.path)/tls/\(principal).pem"
        let own =
            switch security {
            case .tls: ["KAFKA_SSL_CERTIFICATE_FILE": certificate, "KAFKA_SSL_KEY_FILE": certificate]
            case .sasl:
                [
                    "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": principal,
                    "KAFKA_SASL_PASSWORD_FILE": "\(folder.path)/secrets/kafka-\(principal)",
                ]
            }
        return authority.merging(own) { $1 }
    }

    /// The same as librdkafka's.
    package func settings(of principal: String) throws -> [String: String] {
        let names = environment(of: principal)
        let password = try names["KAFKA_SASL_PASSWORD_FILE"].map {
            try String(contentsOfFile: $0, encoding: .utf8).trimmingCharacters(in: .newlines)
        }
        return try KafkaSecurity(
            authorityFile: names["KAFKA_SSL_CA_FILE"] ?? "",
            certificateFile: names["KAFKA_SSL_CERTIFICATE_FILE"] ?? "",
            keyFile: names["KAFKA_SSL_KEY_FILE"] ?? "", mechanism: security == .sasl ? .plain : .none,
            username: names["KAFKA_SASL_USERNAME"] ?? "", password: password ?? ""
        ).settings()
    }

    /// Takes a right away, by the tool that comes with Kafka.
    package func revoke(_ right: ACLBinding, in shop: RunningShop) async throws {
        let resource =
            switch right.resource {
            case .topic(let name): ["--topic", name]
            case .topics(let prefix): ["--topic", prefix, "--resource-pattern-type", "prefixed"]
            case .group(let name): ["--group", name]
            }
        let words =
            [
                "--bootstrap-server", address, "--command-config", "\(folder.path)/run/shop.properties",
                "--remove", "--force", "--allow-principal", right.principal, "--operation",
                right.operation.rawValue,
            ] + resource
        let result = try await shop.run(
            "\(home)/bin/kafka-acls.sh", words,
            ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"])
        guard result.code == 0 else { throw RunningShop.ToolFailed(words: words, result: result) }
    }
}
