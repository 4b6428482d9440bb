import Contracts
import Kafka
import Observability
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite("The consumer")
struct EventConsumerTests {
    typealias Consumer = EventConsumer<EffectHandler>

    private func relay(_ house: MessagingHouse, _ kafka: MockKafka) -> OutboxRelay {
        OutboxRelay(
            service: "notifications", database: house.database, pool: house.pool, kafka: kafka.configuration,
            policy: .stop, logger: house.log.logger)
    }

    func consumer(
        _ house: MessagingHouse, _ kafka: MockKafka, _ handler: EffectHandler,
        _ metrics: PrometheusCollectorRegistry = PrometheusCollectorRegistry()
    ) -> Consumer {
        EventConsumer(
            service: "notifications", handler: handler, pool: house.pool, kafka: kafka.configuration,
            instanceID: nil, policy: .stop, relay: relay(house, kafka), metrics: metrics,
            logger: house.log.logger)
    }

    /// Runs a consumer beside the body, and ends it after it.
    func running(_ consumer: Consumer, _ body: () async throws -> Void) async throws {
        async let running: Void = consumer.run()
        do { try await body() } catch {
            consumer.close()
            throw error
        }
        consumer.close()
        try await running
    }

    private func customers(_ house: MessagingHouse) async throws -> [String] {
        try await house.strings("SELECT customer FROM effect ORDER BY customer")
    }

    func awaitEffects(_ count: Int64, _ house: MessagingHouse) async throws {
        try await eventually("\(count) effects") {
            try await house.number("SELECT count(*) FROM effect") == count
        }
    }

    @Test func `a restart repeats nothing, and a rewind has no effect twice`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                try await kafka.send(try ["a", "b", "c"].map { try OrderCancelled(by: $0).record })
                let first = EffectHandler()
                try await running(consumer(house, kafka, first)) { try await awaitEffects(3, house) }
                #expect(first.afterCommits.load(ordering: .relaxed) >= 1)
                let second = consumer(house, kafka, EffectHandler())
                try await running(second) {
                    try await kafka.send([try OrderCancelled(by: "d").record])
                    try await awaitEffects(4, house)
                    #expect(try await house.number("SELECT count(*) FROM delivery") == 4)
                    let clusters = try await house.strings("SELECT cluster_id FROM outbox_cursor")
                    let reset = try await house.withConnection {
                        try await Rewind.rewindOffsets(cluster: try #require(clusters.first), on: $0)
                    }
                    #expect(reset > 0)
                    // On a quiet shop there is no next record that fences the running member.
                    try await eventually("all is heard again") {
                        try await house.number("SELECT count(*) FROM delivery") == 4 + 4
                    }
                }
                #expect(try await house.number("SELECT count(*) FROM outbox") == 4)
                #expect(try await customers(house) == ["a", "b", "c", "d"])
                #expect(house.log.lines.contains { $0.message == "consumer interrupted, joining again" })
            }
        }
    }

    @Test func `how far it is behind is told while it can't go on`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                let registry = PrometheusCollectorRegistry()
                func lag() -> Double {
                    MetricsText(registry).sum("kafka_consumergroup_lag", "topic=\"orders.cancelled\"")
                }
                try await running(consumer(house, kafka, EffectHandler(), registry)) {
                    try await house.withConnection { connection in
                        try await connection.run("BEGIN; LOCK TABLE effect IN EXCLUSIVE MODE")
                        var records = try ["a", "b", "c"].map { try OrderCancelled(by: $0).record }
                        records[1].value = Array("{}".utf8)
                        try await kafka.send(records)
                        try await eventually("a lag of 3") { lag() == 3 }
                        try await connection.run("COMMIT")
                    }
                    try await eventually("no lag") { lag() == 0 }
                }
                let metrics = MetricsText(registry)
                let topic = "topic=\"orders.cancelled\""
                #expect(metrics.values(of: "consumer_records_total")[topic] == 3)
                #expect(metrics.values(of: "consumer_dead_letters_total")[topic] == 1)
                #expect(metrics.sum("consumer_batch_records_sum") == 3)
                #expect(metrics.values(of: "kafka_consumergroup_lag") == [:])
            }
        }
    }

    @Test
    func `a handler with a pace gets one event at once and the next ones later, unless the service stops`()
        async throws
    {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                let paced = EffectHandler(pace: .seconds(3600))
                try await running(consumer(house, kafka, paced)) {
                    try await kafka.send([try OrderCancelled(by: "a").record])
                    try await awaitEffects(1, house)
                    try await kafka.send(try ["b", "c", "d"].map { try OrderCancelled(by: $0).record })
                    _ = try await kafka.read(.ordersCancelled) { $0.count == 4 }
                }
                #expect(paced.tried == [1])
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await awaitEffects(4, house)
                }
                #expect(try await house.number("SELECT count(*) FROM delivery") == 4)
            }
        }
    }

    @Test func `what can't be read or isn't accepted is set aside, its neighbours are handled`() async throws
    {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                let orders = ["a", "b", "refused", "c", "d", "e"].map(OrderCancelled.init(by:))
                var records = try orders.map { try $0.record }
                var unreadable = try OrderCancelled(by: "f").record
                unreadable.value = Array("{}".utf8)
                records.insert(unreadable, at: 1)
                try await kafka.send(records)
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await awaitEffects(5, house)
                }
                #expect(try await customers(house) == ["a", "b", "c", "d", "e"])
                #expect(try await house.number("SELECT count(*) FROM delivery") == 5)
                let letters = try await house.strings(
                    """
                    SELECT "offset" || ' ' || error_class || ' ' || convert_from(key, 'UTF8') || ' ' || state
                    FROM dead_letter ORDER BY "offset"
                    """)
                let keys = [unreadable.key, records[3].key].map { String(decoding: $0 ?? [], as: UTF8.self) }
                #expect(letters == ["1 contract \(keys[0]) parked", "3 23514 \(keys[1]) parked"])
                let told = try await house.strings(
                    "SELECT key FROM outbox WHERE topic = 'notifications.deadLetters' ORDER BY seq")
                #expect(Set(told) == Set(keys) && told.count == 2)
                #expect(try await house.number("SELECT max(next) FROM consumer_offset") == 7)
            }
        }
    }

    /// Text in Postgres has no NUL: neither a key nor a header may make the dead letter itself undeliverable.
    @Test func `a record with NULs in its key and its headers is set aside too`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                var nasty = try OrderCancelled(by: "nasty").record
                nasty.key = [0, 0x61, 0]
                nasty.headers = nasty.headers.map { name, value in
                    (name, name == "ce_type" ? "a\0b\\u0000" : value)
                }
                try await kafka.send([nasty, try OrderCancelled(by: "a").record])
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await awaitEffects(1, house)
                }
                #expect(
                    try await house.number("SELECT count(*) FROM dead_letter WHERE key = '\\x006100'") == 1)
                let told = "SELECT count(*) FROM outbox WHERE topic = 'notifications.deadLetters'"
                #expect(try await house.number(told) == 1)
            }
        }
    }

    /// A copy for people that Kafka doesn't take would stop all events behind it.
    @Test func `a record of any size is set aside, and what is told of it is short`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                var huge = try OrderCancelled(by: "huge").record
                huge.key = [UInt8](repeating: 0xFF, count: 400_000)
                huge.value = [UInt8](repeating: 1, count: 20_000)
                huge.headers = huge.headers.map { name, value in
                    (name, name == "ce_type" ? String(repeating: "\u{1}", count: 170_000) : value)
                }
                try await kafka.send([huge, try OrderCancelled(by: "a").record])
                let relay = relay(house, kafka)
                let told = try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await relay.run() }
                    defer { relay.close() }
                    try await running(consumer(house, kafka, EffectHandler())) {
                        try await awaitEffects(1, house)
                    }
                    return try await kafka.read(.deadLetters(of: "notifications")) { !$0.isEmpty }
                }
                // A relay that loses its connection on a busy machine tells it again: at least once is its promise.
                #expect(told.allSatisfy { ($0.value?.count ?? .max) < 10_000 })
                #expect(try await house.number("SELECT max(length(key)) FROM dead_letter") == 400_000)
            }
        }
    }

    @Test(arguments: [true, false])
    func `what a COMMIT without an answer has done is told, once`(isCommitted: Bool) async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                let proxy = try FaultProxy(to: PostgresServer(url: house.database.url))
                defer { proxy.close() }
                var database = house.database
                database.url = proxy.url
                database.maxConnections = 1
                let pool = PostgresPool(configuration: database, logger: house.log.logger)
                let once = Atomic(false)
                let handler = EffectHandler(onUnheard: {
                    guard !once.exchange(true, ordering: .relaxed) else { return }
                    let mark = Array("\u{0}commit\u{0}".utf8)
                    try await proxy.set(isCommitted ? .cutAfter(mark) : .cutBefore(mark))
                })
                let registry = PrometheusCollectorRegistry()
                let consumer = Consumer(
                    service: "notifications", handler: handler, pool: pool, kafka: kafka.configuration,
                    instanceID: nil, policy: .stop, relay: relay(house, kafka), metrics: registry,
                    logger: house.log.logger)
                try await running(consumer) {
                    // The first COMMIT names itself otherwise.
                    try await kafka.send([try OrderCancelled(by: "a").record])
                    try await awaitEffects(1, house)
                    var records = try ["unheard", "b"].map { try OrderCancelled(by: $0).record }
                    records[1].value = Array("{}".utf8)
                    try await kafka.send(records)
                    try await eventually("the offset is moved") {
                        try await house.number("SELECT max(next) FROM consumer_offset") == 3
                    }
                    try await kafka.send([try OrderCancelled(by: "c").record])
                    try await awaitEffects(3, house)
                }
                await pool.close()
                let isCut = once.load(ordering: .relaxed)
                #expect(isCut)
                #expect(MetricsText(registry).sum("consumer_records_total") == 4)
                #expect(MetricsText(registry).sum("consumer_dead_letters_total") == 1)
                #expect(MetricsText(registry).sum("consumer_interruptions_total") == 0)
                #expect(handler.afterCommits.load(ordering: .relaxed) == 3)
                #expect(house.log.lines.filter { $0.message.hasPrefix("dead letter:") }.count == 1)
                #expect(try await house.number("SELECT count(*) FROM delivery") == 3)
            }
        }
    }

    @Test func `what was set aside before a rewind is not told again`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                var unreadable = try OrderCancelled(by: "f").record
                unreadable.value = Array("{}".utf8)
                try await kafka.send([unreadable, try OrderCancelled(by: "a").record])
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await awaitEffects(1, house)
                }
                let cluster = try #require(
                    try await house.strings("SELECT cluster_id FROM outbox_cursor").first)
                let topic = Topic.ordersCancelled.name
                let reset = try await house.withConnection {
                    _ = try await Rewind.rewindOffsets(cluster: cluster, topics: ["another"], on: $0)
                    return try await Rewind.rewindOffsets(cluster: cluster, topics: [topic], on: $0)
                }
                #expect(reset == Int(MockKafka.partitions))
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await eventually("all is heard again") {
                        try await house.number("SELECT max(next) FROM consumer_offset") == 2
                    }
                }
                let told = "SELECT count(*) FROM outbox WHERE topic = 'notifications.deadLetters'"
                #expect(try await house.number(told) == 1)
                #expect(house.log.lines.filter { $0.message.hasPrefix("dead letter") }.count == 1)
            }
        }
    }

    /// A topic that was deleted and made anew has other records at the same offsets.
    @Test func `another record where one was set aside before is set aside too, and told`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                var unreadable = try OrderCancelled(by: "f").record
                unreadable.value = Array("{}".utf8)
                try await kafka.send([unreadable])
                let told = "SELECT count(*) FROM outbox WHERE topic = 'notifications.deadLetters'"
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await eventually("it is set aside") { try await house.number(told) == 1 }
                }
                try await house.run(
                    "UPDATE dead_letter SET value = 'of the old topic', state = 'discarded', note = 'seen'")
                let cluster = try #require(
                    try await house.strings("SELECT cluster_id FROM outbox_cursor").first)
                try await house.withConnection {
                    _ = try await Rewind.rewindOffsets(cluster: cluster, on: $0)
                }

                let registry = PrometheusCollectorRegistry()
                try await running(consumer(house, kafka, EffectHandler(), registry)) {
                    try await eventually("it is heard again") {
                        try await house.number("SELECT max(next) FROM consumer_offset") == 1
                    }
                }
                let letters = try await house.strings(
                    """
                    SELECT convert_from(value, 'UTF8') || ' ' || state || ' ' || coalesce(note, '-')
                    FROM dead_letter ORDER BY id
                    """)
                #expect(letters == ["of the old topic discarded seen", "{} parked -"])
                #expect(try await house.number(told) == 2)
                #expect(house.log.lines.filter { $0.message.hasPrefix("dead letter") }.count == 2)
                #expect(MetricsText(registry).sum("consumer_dead_letters_total") == 1)
            }
        }
    }

    @Test func `a stop in the middle of a bisected batch passes over nothing`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                let parts = Parts()
                let handler = EffectHandler { parts.consumer?.close() }
                let consumer = consumer(house, kafka, handler)
                parts.set(consumer)
                try await kafka.send(
                    try ["conflict", "b", "refused", "d"].map { try OrderCancelled(by: $0).record })
                try await consumer.run()
                let next = try await house.number("SELECT coalesce(max(next), 0) FROM consumer_offset")
                let handled = try await house.number("SELECT count(*) FROM delivery")
                let parked = try await house.number("SELECT count(*) FROM dead_letter")
                #expect(next == handled + parked, "the offset counts only what was handled")
            }
        }
    }

    /// An answer about a topic that has no leader for a moment looks to librdkafka 2.0.2 like one that it is not there.
    @Test func `a topic that can't be found for a moment doesn't end the run, one that isn't there does`()
        async throws
    {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                let topic = Topic.ordersCancelled.name
                func isLookingAgain() -> Bool {
                    house.log.lines.contains { $0.message.hasPrefix("a topic can't be found") }
                }
                try kafka.cluster.failTopic(topic, code: 5)
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await eventually("it looks again") { isLookingAgain() }
                    try kafka.cluster.failTopic(topic, code: 0)
                    try await kafka.send([try OrderCancelled(by: "a").record])
                    try await awaitEffects(1, house)
                }
                try kafka.cluster.failTopic(topic, code: 3)
                let consumer = consumer(house, kafka, EffectHandler())
                await #expect(throws: BuildError.self) { try await consumer.run() }
            }
        }
    }

    @Test func `a database that doesn't fit the build ends the run`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                try await kafka.send(try ["a", "unbuilt"].map { try OrderCancelled(by: $0).record })
                let consumer = consumer(house, kafka, EffectHandler())
                await #expect(throws: BuildError.self) { try await consumer.run() }
                #expect(try await house.number("SELECT count(*) FROM dead_letter") == 0)
            }
        }
    }

    @Test func `a member whose partition was claimed by another changes nothing`() async throws {
        try await MessagingHouse.with { house in
            let offsets = ConsumerOffsets(clusterID: "cluster")
            let partition = TopicPartition(topic: "orders.cancelled", partition: 0)
            func commit(_ claims: [TopicPartition: ConsumerOffsets.Claim]) async throws {
                try await house.pool.transaction { transaction in
                    try await offsets.move([partition: 1], from: claims, in: transaction)
                    let sql = "INSERT INTO delivery (order_id) VALUES (gen_random_uuid())"
                    transaction.enqueue(PostgresStatement.once(sql)())
                }
            }
            let old = try await offsets.claim([partition], in: house.pool)
            let new = try await offsets.claim([partition], in: house.pool)
            #expect(old[partition]?.next == 0 && new[partition]?.next == 0)
            await #expect(throws: FencedError.self) { try await commit(old) }
            await #expect(throws: FencedError.self, "never claimed") { try await commit([:]) }
            #expect(try await house.number("SELECT count(*) FROM delivery") == 0)
            try await commit(new)
            await #expect(throws: FencedError.self, "the same batch again") { try await commit(new) }
            #expect(try await house.number("SELECT count(*) FROM delivery") == 1)
            #expect(try await house.number("SELECT next FROM consumer_offset") == 1)
        }
    }
}
