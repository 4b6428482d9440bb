import Contracts
import Kafka
import Observability
import Postgres
import TestSupport
import Testing

@testable import Messaging

@Suite("The relay")
struct OutboxRelayTests {
    private static let keys = (0..<5).map { "key\($0)" }

    /// Runs relays beside the body, and ends them after it.
    private func with(
        _ names: [String], leadTimeout: Duration = .seconds(10), pollInterval: Duration = .seconds(1),
        metrics: PrometheusCollectorRegistry = PrometheusCollectorRegistry(),
        _ body: (MessagingHouse, MockKafka, FaultProxy, [OutboxRelay]) async throws -> Void
    ) async throws {
        try await MessagingHouse.with { house in
            // The first relay reaches the database by way of the proxy.
            let proxy = try FaultProxy(to: PostgresServer(url: house.database.url))
            defer { proxy.close() }
            try await MockKafka.with(house) { kafka in
                let relays = names.enumerated().map { index, name in
                    var database = house.database
                    database.url = index == 0 ? proxy.url : database.url
                    database.applicationName = name
                    return OutboxRelay(
                        service: "orders", database: database, pool: house.pool, kafka: kafka.configuration,
                        policy: .stop, leadTimeout: leadTimeout, pollInterval: pollInterval,
                        metrics: metrics, logger: house.log.logger)
                }
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for relay in relays { tasks.addTask { try await relay.run() } }
                    defer { for relay in relays { relay.close() } }
                    try await body(house, kafka, proxy, relays)
                }
            }
        }
    }

    /// Runs a relay beside the body, and waits for its end.
    private func running(_ relay: OutboxRelay, _ body: () async throws -> Void) async throws {
        async let running: Void = relay.run()
        do { try await body() } catch {
            relay.close()
            throw error
        }
        relay.close()
        try await running
    }

    /// The connections that hold the lock of the service's one relay.
    private static let leading = """
        pg_stat_activity JOIN pg_locks USING (pid) WHERE locktype = 'advisory' AND granted
            AND ((classid::bigint << 32) | objid::bigint) = hashtextextended(current_schema() || '.outbox', 0)
        """

    private static let epoch = "SELECT max(epoch) FROM outbox_cursor"

    private func awaitLeader(_ name: String, _ house: MessagingHouse) async throws {
        try await eventually("\(name) leads") {
            try await house.strings("SELECT application_name FROM \(Self.leading)") == [name]
        }
    }

    /// Ends other leads until this one leads.
    private func makeLeader(_ name: String, _ house: MessagingHouse) async throws {
        try await eventually("\(name) leads") {
            let leaders = try await house.strings("SELECT application_name FROM \(Self.leading)")
            if leaders == [name] { return true }
            if !leaders.isEmpty { try await endLeader(house) }
            try await Task.sleep(for: .milliseconds(600))
            return false
        }
    }

    /// Ends the leader's connection at the server.
    private func endLeader(_ house: MessagingHouse) async throws {
        try await house.run("SELECT pg_terminate_backend(pid) FROM \(Self.leading)")
    }

    /// Writes rounds of events about all keys, several keys in a transaction.
    private func write(_ rounds: Int, _ house: MessagingHouse, waking relays: [OutboxRelay]) async throws {
        try await house.run(
            "INSERT INTO thing SELECT 'key' || n FROM generate_series(0, 4) AS n ON CONFLICT DO NOTHING")
        for round in 0..<rounds {
            try await house.advance(Self.keys, pauses: [0, 0])
            relays[round % relays.count].eventsWritten()
        }
    }

    private func isComplete(_ rounds: Int) -> ([KafkaRecord]) -> Bool {
        { records in Set(records.map(\.seen)).count == rounds * Self.keys.count }
    }

    private func expectOrder(_ records: [KafkaRecord], _ rounds: Int) {
        for key in Self.keys {
            #expect(records.map(\.seen).firstVersions(of: key) == Array(1...Int64(rounds)))
        }
        let places = Set(records.map { "\($0.seen.key) \($0.partition)" })
        #expect(places.count == Self.keys.count, "a key stays in its partition")
    }

    @Test func `what was written arrives once, and each key's events in order`() async throws {
        try await with(["relay one"]) { house, kafka, _, relays in
            try await write(50, house, waking: relays)
            let records = try await kafka.read(.ordersCancelled, until: isComplete(50))
            #expect(records.count == 250)
            expectOrder(records, 50)
            try await eventually("the cursor stands behind all of it") {
                try await house.number(
                    "SELECT count(*) FROM outbox, outbox_cursor WHERE NOT pg_visible_in_snapshot(xid, snapshot)"
                )
                    == 0
            }
            let event = try CloudEvent(headers: records[0].headers)
            let stored = try await house.number(
                "SELECT count(*) FROM outbox WHERE event_id = '\(event.id)' AND key = '\(event.subject)'")
            #expect(stored == 1)
        }
    }

    @Test func `it tells what it has published, and how long the rest has waited`() async throws {
        let registry = PrometheusCollectorRegistry()
        var metrics: MetricsText { MetricsText(registry) }
        try await with(["relay one"], metrics: registry) { house, kafka, _, relays in
            try await write(2, house, waking: relays)
            try await eventually("all is published") {
                metrics.values(of: "outbox_published_total")["topic=\"orders.cancelled\""] == 10
                    && metrics.sum("outbox_oldest_event_age_seconds") == 0
            }
            #expect(metrics.sum("outbox_leader") == 1)
            #expect(metrics.sum("outbox_publish_duration_seconds_count") >= 1)
            try kafka.cluster.setDown()
            try await write(1, house, waking: relays)
            try await eventually("an event waits") { metrics.sum("outbox_oldest_event_age_seconds") > 0.5 }
            for relay in relays { relay.close() }
            try await eventually("it leads no more") { metrics.sum("outbox_leader") == 0 }
        }
    }

    @Test func `a stop amid a backlog leaves the rest for the next start, and nothing is sent twice`()
        async throws
    {
        let batches: ClosedRange<Int64> = 1...15
        try await with([]) { house, kafka, _, _ in
            for batch in batches {
                try await house.write(versions: (batch * 1000 + 1)...(batch * 1000 + 1000))
                try await house.run(
                    """
                    INSERT INTO outbox_tick (at, snapshot)
                    VALUES (now() - interval '1 hour' + interval '1 second' * \(batch), pg_current_snapshot())
                    """)
            }
            func relay() -> OutboxRelay {
                OutboxRelay(
                    service: "orders", database: house.database, pool: house.pool,
                    kafka: kafka.configuration, policy: .stop, logger: house.log.logger)
            }
            func finished() async throws -> Int64 {
                try await house.number("SELECT coalesce(max(version), 0) FROM outbox_cursor")
            }
            try kafka.cluster.delay(milliseconds: 300)
            try await running(relay()) {
                try await eventually("two windows are published") { try await finished() >= 2 }
            }
            #expect(try await finished() < 15)
            try kafka.cluster.delay(milliseconds: 0)
            var records: [KafkaRecord] = []
            try await running(relay()) {
                records = try await kafka.read(.ordersCancelled) { Set($0.map(\.seen)).count >= 15_000 }
            }
            // On a machine with much else to do an answer may come too late, and a window goes out again.
            let isInterrupted = house.log.lines.contains { $0.message.hasPrefix("relay interrupted") }
            #expect(records.count == 15_000 || isInterrupted)
            let unacknowledged = house.log.lines.filter {
                $0.metadata[LogKey.error] == "\(KafkaError.closed)"
            }
            #expect(unacknowledged.isEmpty)
        }
    }

    @Test func `what another process wrote is found without a wake-up`() async throws {
        try await with(["relay one"]) { house, kafka, _, _ in
            try await house.write("other", versions: 1...3)
            let records = try await kafka.read(.ordersCancelled) { $0.count >= 3 }
            #expect(records.map(\.seen.version) == [1, 2, 3])
        }
    }

    @Test func `a leader whose connection is ended goes on where it was`() async throws {
        try await with(["relay one"]) { house, kafka, _, relays in
            for _ in 0..<3 {
                try await write(10, house, waking: relays)
                try await awaitLeader("relay one", house)
                try await endLeader(house)
            }
            try await write(10, house, waking: relays)
            expectOrder(try await kafka.read(.ordersCancelled, until: isComplete(40)), 40)
            #expect(house.log.lines.contains { $0.message == "relay interrupted, trying again" })
        }
    }

    @Test func `another relay takes over from one that is cut off`() async throws {
        try await with(["relay one", "relay two"], leadTimeout: .seconds(2)) { house, kafka, proxy, relays in
            try await write(20, house, waking: relays)
            try await proxy.set(.down)
            try await awaitLeader("relay two", house)
            try await write(20, house, waking: relays)
            try await proxy.set(.forward)
            try await endLeader(house)
            try await write(20, house, waking: relays)
            expectOrder(try await kafka.read(.ordersCancelled, until: isComplete(60)), 60)
        }
    }

    @Test func `another relay takes over from one that nobody hears any more`() async throws {
        try await with(["relay one", "relay two"], leadTimeout: .seconds(2)) { house, kafka, proxy, relays in
            try await makeLeader("relay one", house)
            try await write(20, house, waking: relays)
            try await proxy.set(.silent)
            try await awaitLeader("relay two", house)
            try await write(20, house, waking: relays)
            try await proxy.set(.forward)
            try await write(20, house, waking: relays)
            expectOrder(try await kafka.read(.ordersCancelled, until: isComplete(60)), 60)
        }
    }

    @Test func `a leader that waits for the broker keeps the lead`() async throws {
        try await with(["relay one"], leadTimeout: .seconds(5)) { house, kafka, _, relays in
            try await write(10, house, waking: relays)
            _ = try await kafka.read(.ordersCancelled, until: isComplete(10))
            let epoch = try await house.number(Self.epoch)
            try kafka.cluster.setDown()
            try await write(10, house, waking: relays)
            let since = ContinuousClock.now
            try await eventually("it has waited longer than it may be silent") {
                try await house.strings("SELECT application_name FROM \(Self.leading)") == ["relay one"]
                    && ContinuousClock.now - since > .seconds(8)
            }
            #expect(try await house.number(Self.epoch) == epoch)
            try kafka.cluster.setUp()
            expectOrder(try await kafka.read(.ordersCancelled, until: isComplete(20)), 20)
        }
    }

    @Test func `what was written while the broker was away arrives when it is back`() async throws {
        try await with(["relay one"]) { house, kafka, _, relays in
            try await write(10, house, waking: relays)
            _ = try await kafka.read(.ordersCancelled, until: isComplete(10))
            try kafka.cluster.setDown()
            try await write(10, house, waking: relays)
            try kafka.cluster.setUp()
            try await write(10, house, waking: relays)
            expectOrder(try await kafka.read(.ordersCancelled, until: isComplete(30)), 30)
        }
    }

    @Test func `a rewind of the running relay publishes everything again`() async throws {
        try await with(["relay one"]) { house, kafka, _, relays in
            try await write(4, house, waking: relays)
            _ = try await kafka.read(.ordersCancelled, until: isComplete(4))
            let cluster = try #require(try await house.strings("SELECT cluster_id FROM outbox_cursor").first)
            try await house.withConnection { _ = try await Rewind.rewind(cluster: cluster, to: nil, on: $0) }
            let records = try await kafka.read(.ordersCancelled) { $0.count >= 40 }
            #expect(records.count == 40)
            for key in Self.keys {
                let versions = records.map(\.seen).filter { $0.key == key }.map(\.version)
                #expect(versions == [1, 2, 3, 4, 1, 2, 3, 4])
            }
        }
    }

    @Test func `what another instance wrote is published at once`() async throws {
        try await with(["relay one", "relay two"], pollInterval: .seconds(3600)) { house, kafka, _, relays in
            try await makeLeader("relay one", house)
            try await write(1, house, waking: [relays[1]])
            let records = try await kafka.read(.ordersCancelled, until: isComplete(1))
            #expect(records.count == 5)
        }
    }

    @Test func `what a leader wrote that was deposed unawares is published at once`() async throws {
        try await with(["relay one", "relay two"], leadTimeout: .seconds(60), pollInterval: .seconds(3600)) {
            house, kafka, _, relays in
            try await write(1, house, waking: relays)
            _ = try await kafka.read(.ordersCancelled, until: isComplete(1))
            let isFirst =
                try await house.strings("SELECT application_name FROM \(Self.leading)") == ["relay one"]
            let (deposed, next) = isFirst ? (relays[0], relays[1]) : (relays[1], relays[0])
            let epoch = try await house.number(Self.epoch)
            try await endLeader(house)
            try await eventually("the other leads") { try await house.number(Self.epoch) > epoch }
            try await write(1, house, waking: [next])
            _ = try await kafka.read(.ordersCancelled, until: isComplete(2))
            try await write(1, house, waking: [deposed])
            expectOrder(try await kafka.read(.ordersCancelled, until: isComplete(3)), 3)
        }
    }

    @Test func `a relay at rest notices that the cluster is another`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { first in
                try await MockKafka.with(house) { second in
                    let proxy = try FaultProxy(toPort: second.port)
                    defer { proxy.close() }
                    try await proxy.set(.down)
                    var kafka = first.configuration
                    kafka.bootstrapServers += ",127.0.0.1:\(proxy.port)"
                    let relay = OutboxRelay(
                        service: "orders", database: house.database, pool: house.pool, kafka: kafka,
                        policy: .rewind, logger: house.log.logger)
                    try await withThrowingTaskGroup(of: Void.self) { tasks in
                        tasks.addTask { try await relay.run() }
                        defer { relay.close() }
                        try await write(3, house, waking: [relay])
                        _ = try await first.read(.ordersCancelled, until: isComplete(3))
                        try first.cluster.setDown()
                        try await proxy.set(.forward)
                        expectOrder(try await second.read(.ordersCancelled, until: isComplete(3)), 3)
                    }
                }
            }
        }
    }

    /// A relay goes on until it is closed, also where the test has no more time.
    private func runToItsEnd(_ relay: OutboxRelay) async throws {
        try await withTaskCancellationHandler {
            try await relay.run()
        } onCancel: {
            relay.close()
        }
    }

    /// It would try for ever, while the service seems well.
    @Test(.timeLimit(.minutes(2)))
    func `a topic that Kafka does not let it write ends it, with what to do`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                let relay = OutboxRelay(
                    service: "orders", database: house.database, pool: house.pool,
                    kafka: kafka.configuration, policy: .stop, logger: house.log.logger)
                try await house.write("other", versions: 1...1)
                let produce: Int16 = 0
                let topicAuthorizationFailed: Int32 = 29
                try kafka.cluster.failNext(request: produce, codes: [topicAuthorizationFailed])

                let error = await #expect(throws: BuildError.self) { try await runToItsEnd(relay) }

                #expect(error?.description.contains("orders.cancelled: ") == true)
                #expect(error?.description.contains("`shop setup --acls`") == true)
                #expect(try await house.number("SELECT count(*) FROM outbox") == 1)
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `a certificate that is not there ends it, too`() async throws {
        try await MessagingHouse.with { house in
            let kafka = KafkaConfiguration(
                bootstrapServers: "127.0.0.1:1", clientID: "test",
                securitySettings: ["security.protocol": "ssl", "ssl.ca.location": "/nowhere/ca.pem"])
            let relay = OutboxRelay(
                service: "orders", database: house.database, pool: house.pool, kafka: kafka, policy: .stop,
                logger: house.log.logger)

            let error = await #expect(throws: BuildError.self) { try await runToItsEnd(relay) }

            #expect(error?.description.contains("ssl.ca.location") == true)
        }
    }
}
