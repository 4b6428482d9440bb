/// How to reach Postgres, and the limits everything there is held to.
package struct PostgresConfiguration: Sendable {
    /// A `postgres://` URL or `key=value` pairs, as libpq reads them; what it says about TLS is obeyed.
    package var url: String
    /// Shown in `pg_stat_activity`.
    package var applicationName: String
    /// Connections a pool opens at most, each with a thread of its own here and a process at the server.
    package var maxConnections = 4
    /// Callers that may wait for a connection; one more is refused at once.
    package var maxWaiters = 1024
    /// How long a caller waits for a connection before it is refused.
    package var acquireTimeout = Duration.seconds(5)
    /// How long making a connection may take, without the look-up of its name, which can't be interrupted.
    package var connectTimeout = Duration.seconds(5)
    /// How long the server works on one statement before it gives up.
    package var statementTimeout = Duration.seconds(5)
    /// How much longer than `statementTimeout` a round trip may take before the server counts as unreachable.
    package var networkGrace = Duration.milliseconds(500)
    /// How long the server leaves a transaction open in which nothing happens.
    package var idleInTransactionTimeout = Duration.seconds(5)
    /// How long the server keeps a session in which nothing happens; nil: as long as it lasts.
    package var idleSessionTimeout: Duration?
    /// How long the server waits for a lock.
    package var lockTimeout = Duration.seconds(2)
    /// More settings of the session, such as `synchronous_commit`; a role's or a database's are overridden.
    package var settings: [String: String] = [:]

    package init(url: String, applicationName: String) {
        self.url = url
        self.applicationName = applicationName
    }

    /// The deadline of one round trip.
    var callTimeout: Duration { statementTimeout + networkGrace }

    /// The value of libpq's `options`: settings as the server's command line takes them.
    var options: String {
        var timeouts = [
            ("statement_timeout", String(statementTimeout.wholeMilliseconds)),
            ("idle_in_transaction_session_timeout", String(idleInTransactionTimeout.wholeMilliseconds)),
            ("lock_timeout", String(lockTimeout.wholeMilliseconds)),
        ]
        if let idleSessionTimeout {
            timeouts.append(("idle_session_timeout", String(idleSessionTimeout.wholeMilliseconds)))
        }
        return (timeouts + settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
            .map { "-c \($0)=\(PostgresConfiguration.escaped($1))" }
            .joined(separator: " ")
    }

    /// The server splits options at spaces, unless a backslash stands before them.
    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value {
            if character == " " || character == "\\" { result.append("\\") }
            result.append(character)
        }
        return result
    }
}

/// The URL has a password in it, so it never shows.
extension PostgresConfiguration: CustomStringConvertible, CustomReflectable {
    package var description: String { "PostgresConfiguration(\(applicationName))" }
    package var customMirror: Mirror { Mirror(self, children: ["applicationName": applicationName]) }
}

extension Duration {
    /// Rounded up, so that a wait for it isn't a busy loop at its end.
    var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
