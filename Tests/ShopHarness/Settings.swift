import Foundation
package import TestSupport

/// What the environment says about the Postgres and the broker to run the shop on.
package struct Settings: Sendable {
    /// Apache Kafka keeps its topics between runs; the local broker is new for each.
    package enum BrokerKind: String, Sendable { case apache, local, given }

    /// Of an administrator, of the server's own database.
    package let postgres: PostgresServer
    package let bootstrapServers: String
    package let brokerKind: BrokerKind
    /// A broker that asks who comes; nil for one that lets in everybody.
    package let securedBroker: SecuredBroker?

    package init(
        postgres: PostgresServer, bootstrapServers: String, brokerKind: BrokerKind,
        securedBroker: SecuredBroker? = nil
    ) {
        self.postgres = postgres
        self.bootstrapServers = bootstrapServers
        self.brokerKind = brokerKind
        self.securedBroker = securedBroker
    }

    package struct Missing: Error, CustomStringConvertible {
        let name: String
        package var description: String {
            "\(name) isn't set: run the tests by deploy/test, which starts a Postgres and a broker for them"
        }
    }

    /// - Throws: where something is missing, since tests that don't run must not pass.
    package static func fromEnvironment() throws -> Settings {
        let environment = ProcessInfo.processInfo.environment
        func value(_ name: String) throws -> String {
            guard let value = environment[name], !value.isEmpty else { throw Missing(name: name) }
            return value
        }
        let kind = try value("TEST_KAFKA_KIND")
        guard let brokerKind = BrokerKind(rawValue: kind) else { throw Missing(name: "TEST_KAFKA_KIND") }
        return Settings(
            postgres: try PostgresServer.fromEnvironment(),
            bootstrapServers: try value("TEST_KAFKA_BOOTSTRAP_SERVERS"), brokerKind: brokerKind)
    }

    /// A broker without long polls has to be asked often.
    package var fetchWaitMilliseconds: Int { brokerKind == .local ? 5 : 500 }
}

/// The URL of a database on the test's server.
package struct DatabaseAddress: Sendable {
    private let components: URLComponents

    package struct NotAURL: Error, CustomStringConvertible {
        package var description: String {
            "TEST_DATABASE_URL must be a URL, postgres://USER:PASSWORD@HOST:PORT/NAME"
        }
    }

    package init(_ server: PostgresServer, database: String) throws {
        guard var components = URLComponents(string: server.url), components.host != nil else {
            throw NotAURL()
        }
        components.path = "/\(database)"
        self.components = components
    }

    /// As the administrator.
    package var url: String { components.string ?? "" }

    /// - Parameter port: another than the server's own.
    package func url(role: String, password: String, port: Int? = nil) -> String {
        var components = components
        components.port = port ?? components.port
        components.user = role
        components.password = password
        return components.string ?? ""
    }
}
