package import Observability
package import Postgres

/// A channel of Postgres's NOTIFY, by which the instances of a service wake each other.
///
/// What is said gets lost where nobody is connected, so who listens also looks by himself now and then. It is said in a
/// transaction of its own, after the one it is about: NOTIFY lets only one transaction of the whole server commit at a time.
package struct InstanceChannel: Sendable {
    /// Postgres refuses 8,000 bytes and more.
    package static let payloadMax = 7999
    /// How often a listener that hears nothing makes sure that its connection is alive.
    private static let silence = Duration.seconds(5)

    private static let notify = PostgresStatement(
        "channel.notify", "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload")

    private let name: String

    /// - Parameter name: one for the whole database, so it begins with the service's.
    package init(_ name: String) { self.name = name }

    /// Says something to all who listen, this process too.
    ///
    /// - Throws: what the query throws; the caller can let it be, since nobody may rely on being told.
    package func say(_ payloads: [String] = [""], in pool: PostgresPool) async throws {
        try await pool.query(Self.notify(name, payloads))
    }

    /// Says something whenever `signal` wakes; what comes while that is being said is said next.
    ///
    /// - Parameters:
    ///   - stop: looked at after each wake-up, so who sets it wakes the signal.
    ///   - payloads: what to say now.
    package func say(
        at signal: Signal, in pool: PostgresPool, logger: Logger, until stop: StopFlag,
        _ payloads: @Sendable () -> [String] = { [""] }
    ) async {
        while true {
            await signal.wait()
            if stop.isSet { return }
            do {
                try await say(payloads(), in: pool)
            } catch {
                logger.debug("other instances not told", metadata: [LogKey.error: "\(error)"])
            }
        }
    }

    /// Listens over a connection of its own until the task is cancelled.
    ///
    /// - Parameter heard: gets what was said; at the beginning and after each loss of the connection nothing, which means
    ///   that anything may have been.
    package func listen(
        database: PostgresConfiguration, logger: Logger, heard: @Sendable ([String]) async -> Void
    ) async {
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                try await PostgresConnection.with(database, logger: logger) { connection in
                    try await connection.simple("LISTEN \"\(name)\"", timeout: Self.silence)
                    backoff.reset()
                    await heard([])
                    while true {
                        let payloads = try await connection.notifications(within: Self.silence)
                        if payloads.isEmpty {
                            try await connection.query(OutboxStore.heartbeat())
                        } else {
                            await heard(payloads)
                        }
                    }
                }
            } catch {
                guard !Task.isCancelled else { return }
                logger.debug("nothing heard of other instances", metadata: [LogKey.error: "\(error)"])
                try? await Task.sleep(for: backoff.next())
            }
        }
    }
}
