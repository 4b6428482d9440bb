import Contracts
package import Kafka
import Kernel
package import Observability
package import Postgres
import Synchronization

/// Moves a service's events from its outbox to Kafka: each at least once, each key's in order.
///
/// One relay leads per service, by an advisory lock on a connection of its own; the others wait to take over. The cursor
/// moves only after every record of a window is acknowledged, so a crash repeats records and loses none.
package final class OutboxRelay: Sendable {
    /// The most rows in flight; each has its place in librdkafka's queue.
    package static let batchMax = 2000
    /// How long a stop waits for the acknowledgements of what is in flight.
    static let stopGrace = Duration.seconds(3)
    /// How long a relay that is to stop goes on with a backlog.
    static let drainLimit = Duration.seconds(1)
    /// How often a relay with nothing to publish looks whether it was deposed or rewound, and any relay whether the cluster
    /// is another.
    static let lookInterval = Duration.seconds(1)

    private let service: String
    private let database: PostgresConfiguration
    private let leadTimeout: Duration
    private let pollInterval: Duration
    private let kafka: KafkaConfiguration
    private let policy: KafkaCluster.Policy
    private let logger: Logger
    private let pool: PostgresPool
    private let stop = StopFlag()
    private let wake = Signal()
    /// Wakes the leader where it is another process.
    private let channel: InstanceChannel
    private let announce = Signal()
    private let listening: PostgresConfiguration
    private let written = Atomic(false)
    private let retention: OutboxRetention
    /// The cluster this process publishes to, while it leads.
    private let leading = Mutex<String?>(nil)
    private let delay = Mutex(PublishDelay(at: .now()))
    private let waits = Mutex(EventWait())
    private let published: TopicCounters
    private let publishing: Histogram

    /// - Parameters:
    ///   - database: the relay opens one connection of its own, with `synchronous_commit=off`: all it writes is its
    ///     place, and losing the last of that is a few duplicates.
    ///   - pool: for the ticks, which are written also while Kafka is away and the relay waits for it.
    ///   - policy: what to do on a Kafka cluster this service never published to.
    ///   - keep: how long an event stays in the outbox after it was published.
    ///   - leadTimeout: how long a leader may be silent, because its process stands still or the network swallows what it
    ///     says, until the server ends its connection and another leads.
    ///   - pollInterval: how often a leader that nobody wakes looks for what an instance wrote that ended before it could
    ///     say so.
    ///   - metrics: where events are counted; unless told otherwise, where nobody reads.
    package init(
        service: String, database: PostgresConfiguration, pool: PostgresPool, kafka: KafkaConfiguration,
        policy: KafkaCluster.Policy, keep: Duration = .seconds(7 * 86_400),
        leadTimeout: Duration = .seconds(10), pollInterval: Duration = .seconds(1),
        metrics: PrometheusCollectorRegistry = PrometheusCollectorRegistry(), logger: Logger
    ) {
        self.listening = database
        self.channel = InstanceChannel("\(service).outbox")
        var database = database
        database.idleSessionTimeout = leadTimeout
        self.retention = OutboxRetention(pool: pool, keep: keep, logger: logger)
        self.service = service
        self.policy = policy
        self.database = database
        self.leadTimeout = leadTimeout
        self.pollInterval = pollInterval
        self.pool = pool
        self.kafka = kafka
        self.logger = logger
        published = TopicCounters(
            Topic.published(by: service), name: "outbox_published_total",
            help: "Events that Kafka has acknowledged.", in: metrics)
        publishing = metrics.makeHistogram(
            name: "outbox_publish_duration_seconds", help: "From sending a window to its acknowledgement.",
            bounds: Histogram.seconds)
        metrics.makeGauge(
            name: "outbox_leader", help: "Whether this process publishes the service's events: 1 or 0."
        ) { [weak self] in self?.leading.withLock { $0 } == nil ? 0 : 1 }
        metrics.makeGauge(
            name: "outbox_oldest_event_age_seconds",
            help: "How long the oldest event waits for Kafka that the leader knows of."
        ) { [weak self] in (self?.waits.withLock { $0.age(at: .now()) } ?? .zero) / .seconds(1) }
    }

    /// Relays until `close()`; takes the loss of Postgres, of Kafka and of the lead in its stride.
    ///
    /// - Throws: `BuildError` where Kafka does not let this service publish, or a setting can't be; the service exits with
    ///   its words.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await pulse(self.wake, every: self.pollInterval, until: self.stop) }
            group.addTask {
                await self.channel.say(
                    at: self.announce, in: self.pool, logger: self.logger, until: self.stop)
            }
            group.addTask(priority: .high) {
                // The others end by nothing else.
                defer { self.close() }
                try await self.relay()
            }
            group.addTask { await self.tick() }
            group.addTask { await self.retain() }
            try await group.waitForAll()
        }
    }

    /// Says that a transaction with events has committed: the relay that leads, here or in another process, reads them
    /// at once.
    package func eventsWritten() {
        written.store(true, ordering: .releasing)
        waits.withLock { $0.write(at: .now()) }
        if leading.withLock({ $0 }) == nil { announce.wake() } else { wake.wake() }
    }

    /// Waits while a crowd of events waits for a Kafka that answers: more of them would only make all wait longer.
    ///
    /// Known to the leading process alone. What a new leader finds, or a rewind brings, doesn't count.
    ///
    /// - Parameter limit: when to go on all the same.
    package func holdBack(atMost limit: Duration) async {
        let end = ContinuousClock.now + limit
        while delay.withLock({ $0.isTooLong(at: .now()) }), !stop.isSet, .now < end {
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Ends `run()` after the window in hand.
    package func close() {
        stop.set()
        wake.wake()
        announce.wake()
    }

    /// Keeps a snapshot for each second in which this process wrote events.
    private func tick() async {
        while !stop.isSet {
            await stop.sleep(.seconds(1))
            guard written.exchange(false, ordering: .acquiring) else { continue }
            do {
                try await pool.query(OutboxStore.tick())
            } catch {
                logger.debug("no tick written", metadata: [LogKey.error: "\(error)"])
            }
        }
    }

    /// Extends the outbox, and as the leader drops what is old.
    private func retain() async {
        while !stop.isSet {
            await retention.extend()
            if let cluster = leading.withLock({ $0 }) { await retention.drop(cluster: cluster) }
            await stop.sleep(OutboxRetention.interval)
        }
    }

    private func relay() async throws {
        var backoff = Backoff()
        while !stop.isSet {
            do {
                try await lead { backoff.reset() }
            } catch let error as BuildError {
                throw error
            } catch KafkaError.authorization(let reason) {
                throw BuildError(refusal: .authorization(reason))
            } catch is DeposedError {
                logger.info("another relay leads, or the outbox was rewound: starting over")
            } catch let error where stop.isSet {
                logger.info(
                    "relay stopped before all was acknowledged: the rest is published at the next start",
                    metadata: [LogKey.error: "\(error)"])
            } catch {
                logger.warning(
                    "relay interrupted, trying again",
                    metadata: [LogKey.error: "\(error)", LogKey.attempt: "\(backoff.attempt + 1)"])
                await stop.sleep(backoff.next())
            }
        }
    }

    /// One term as the leader: from winning the lock to losing the connection, the producer or the cursor.
    private func lead(_ progressing: () -> Void) async throws {
        let connection = try await PostgresConnection.connect(database, logger: logger)
        do {
            while try await !OutboxStore.becomeLeader(on: connection) {
                // Another knows what waits.
                waits.withLock { $0 = EventWait() }
                await stop.sleep(.milliseconds(500))
                if stop.isSet { return await connection.close() }
            }
            let producer = try BuildError.checking { () throws(KafkaError) in
                try KafkaProducer(configuration: kafka, logger: logger)
            }
            do {
                defer {
                    leading.withLock { $0 = nil }
                    delay.withLock { $0 = PublishDelay(at: .now()) }
                    // Another may have led for a while, and was not told of what this process wrote meanwhile.
                    announce.wake()
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await self.abandon(producer) }
                    group.addTask { await self.hold(connection, producer) }
                    let cluster = KafkaCluster(id: try await producer.clusterID(timeout: .seconds(5)))
                    try await cluster.admit(policy: self.policy, pool: self.pool)
                    let topics = Topic.published(by: self.service)
                    try await producer.prepare(topics: topics.map(\.name), timeout: .seconds(5))
                    self.leading.withLock { $0 = cluster.id }
                    group.addTask { await self.watch(cluster, producer) }
                    group.addTask {
                        await self.channel.listen(database: self.listening, logger: self.logger) { _ in
                            self.wake.wake()
                        }
                    }
                    try await self.publish(to: cluster, by: producer, from: connection, progressing)
                    group.cancelAll()
                }
                await producer.close(timeout: .seconds(5))
            } catch {
                await producer.close(timeout: .zero)
                throw error
            }
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Gives up on records that a broker which is away has not acknowledged some seconds after the stop was asked for;
    /// they stay in the outbox.
    private func abandon(_ producer: KafkaProducer) async {
        while !stop.isSet, !Task.isCancelled { await stop.sleep(.seconds(3600)) }
        try? await Task.sleep(for: Self.stopGrace)
        if !Task.isCancelled { await producer.close(timeout: .zero) }
    }

    /// Speaks to the server now and then while Kafka is waited for, so that only a leader that can't loses the lead; and
    /// ends what is in flight when it is lost.
    private func hold(_ connection: PostgresConnection, _ producer: KafkaProducer) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: leadTimeout / 5)
            guard !Task.isCancelled else { return }
            do {
                try await connection.query(OutboxStore.heartbeat())
            } catch {
                if !Task.isCancelled { await producer.close(timeout: .zero) }
                return
            }
        }
    }

    /// Gives up on what is in flight when the broker that is back is another: it would be written once its topics are made,
    /// in front of what a rewind then publishes.
    private func watch(_ cluster: KafkaCluster, _ producer: KafkaProducer) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.lookInterval)
            let current = try? await producer.clusterID(timeout: .seconds(5))
            if let current, current != cluster.id {
                logger.warning("\(ClusterError.replaced(cluster: cluster.id, by: current))")
                return await producer.close(timeout: .zero)
            }
        }
    }

    private func publish(
        to cluster: KafkaCluster, by producer: KafkaProducer, from connection: PostgresConnection,
        _ progressing: () -> Void
    ) async throws {
        let store = OutboxStore(connection: connection, clusterID: cluster.id)
        guard var cursor = try await store.takeCursor() else { throw DeposedError() }
        var catchUp = CatchUp()
        cursor.until = try await store.nextTick(after: cursor, number: catchUp.ticks)
        var isCatchingUp = cursor.until != nil
        var (rows, until) = try await store.read(after: cursor, limit: Self.batchMax)
        var lastLook = ContinuousClock.now
        var seen = Timestamp.now()
        var drainEnd: ContinuousClock.Instant?
        while true {
            // Between two windows nothing is in flight that would be sent again.
            if stop.isSet, cursor.seq == 0 {
                let end = drainEnd ?? .now + Self.drainLimit
                if .now > end { return }
                drainEnd = end
            }
            if let last = rows.last, let end = until {
                // What is in a window was committed after the one before it was read.
                let committed = isCatchingUp ? nil : seen
                if rows.count < Self.batchMax { seen = .now() }
                try await send(rows, committedAfter: committed, to: cluster, by: producer)
                if cursor.until != nil { catchUp.sent(rows.count) }
                if rows.count == Self.batchMax {
                    cursor.until = end
                    cursor.seq = last.seq
                    (rows, until) = try await store.read(after: cursor, limit: Self.batchMax)
                    continue
                }
            }
            progressing()
            guard let end = until ?? cursor.until else {
                if stop.isSet { return }
                delay.withLock { $0 = PublishDelay(at: .now()) }
                waits.withLock { $0 = EventWait() }
                await wake.wait()
                seen = .now()
                (rows, until) = try await store.read(after: cursor, limit: Self.batchMax)
                // Whoever publishes learns of a rewind by moving the cursor, and of another cluster by what it sent.
                if rows.isEmpty, ContinuousClock.now - lastLook > Self.lookInterval {
                    guard try await store.holds(cursor) else { throw DeposedError() }
                    try await cluster.requireSame(as: producer.clusterID(timeout: .seconds(5)))
                    lastLook = .now
                }
                continue
            }
            guard cursor.until != nil else {
                (rows, until) = try await store.move(&cursor, to: end, limit: Self.batchMax)
                continue
            }
            try await store.move(&cursor, to: end)
            catchUp.endWindow(batch: Self.batchMax)
            cursor.until = try await store.nextTick(after: cursor, number: catchUp.ticks)
            isCatchingUp = isCatchingUp && cursor.until != nil
            (rows, until) = try await store.read(after: cursor, limit: Self.batchMax)
        }
    }

    /// Publishes, and makes sure that it was to this cluster.
    ///
    /// - Parameter committed: when the first of them was written, at the earliest; nil for a backlog that a relay found.
    private func send(
        _ rows: [OutboxStore.Row], committedAfter committed: Timestamp?, to cluster: KafkaCluster,
        by producer: KafkaProducer
    ) async throws {
        #if FAIL_POINTS
            FailPoint.relaySending.reached(size: rows.count)
        #endif
        if let committed { delay.withLock { $0.send(rows.count, oldest: committed) } }
        waits.withLock { $0.send(oldest: committed ?? .now()) }
        let begun = ContinuousClock.now
        let deliveries = try await producer.send(
            rows.map { row in
                ProducerRecord(
                    topic: row.event.type, key: Array(row.event.subject.utf8), value: row.payload,
                    headers: row.event.headers)
            })
        delay.withLock { $0.acknowledge(at: .now()) }
        waits.withLock { $0.acknowledge() }
        publishing.observe(begun.duration(to: .now))
        published.count(rows.lazy.map(\.event.type))
        #if FAIL_POINTS
            FailPoint.relaySent.reached(size: rows.count)
        #endif
        try await cluster.requireSame(as: producer.clusterID(timeout: .seconds(5)))
        guard logger.logLevel <= .info else { return }
        for (row, delivery) in zip(rows, deliveries) where row.event.correlationID != nil {
            logger.flow(
                .published, order: row.event.subject, row.event.type,
                detail: "p\(delivery.partition)@\(delivery.offset)")
        }
    }
}

/// How much a relay that is far behind takes at a time.
///
/// In a window all of whose rows are read at once each row is read once; of a longer one the rest is sorted again with every
/// batch. A window that is much shorter costs as much as a full one.
struct CatchUp {
    /// The ticks in the next window.
    private(set) var ticks: Int64 = 1
    private var rows = 0

    mutating func sent(_ count: Int) { rows += count }

    mutating func endWindow(batch: Int) {
        if rows < batch / 2 {
            ticks = min(ticks * 2, 1024)
        } else if rows > batch {
            ticks = max(ticks / 2, 1)
        }
        rows = 0
    }
}
