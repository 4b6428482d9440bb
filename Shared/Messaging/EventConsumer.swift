import Contracts
package import Kafka
import Kernel
package import Observability
package import Postgres
import Synchronization

/// Feeds a service the events it hears, in batches, each with its effects and its offsets in one transaction.
///
/// One loop: poll, decode, handle, commit, poll. Nothing is buffered between a poll and its commit, so nothing is in
/// flight when partitions come or go. What goes wrong is one of three (`ErrorClassification`):
/// - what passes: the same batch again, with backoff, for ever;
/// - a record the database refuses for good: the batch is bisected, and the culprit becomes a dead letter;
/// - a build that doesn't fit its database or broker: `run()` throws, and the service stops.
package final class EventConsumer<Handler: BatchHandler>: Sendable {
    /// The most records in one transaction.
    ///
    /// In batches of 250 an order cost a third more under full load; past 1,000 a batch only holds its locks longer.
    static var batchMax: Int { 1000 }
    /// How often a consumer that hears nothing looks whether the cluster is another, or its offsets were set back.
    static var lookInterval: Duration { .seconds(1) }
    /// How often Kafka gets the copy of offsets that have not changed, since it may not have taken the last.
    static var copyInterval: Duration { .seconds(30) }

    private let service: String
    private let topics: [Topic]
    private let handler: Handler
    let pool: PostgresPool
    private let kafka: KafkaConfiguration
    private let instanceID: String?
    private let policy: KafkaCluster.Policy
    private let relay: OutboxRelay
    let logger: Logger
    let stop = StopFlag()
    private let assigned = Atomic(false)
    private let metrics: ConsumerMetrics
    /// Where the member that is in the group stands.
    let place = Mutex<Place?>(nil)

    struct Place {
        let consumer: KafkaConsumer
        var claims: [TopicPartition: ConsumerOffsets.Claim]
        /// Partitions that stand still, since the record that is next was deleted.
        var outOfRange: Set<TopicPartition> = []
    }

    /// - Parameters:
    ///   - service: names the consumer group and the topics, by the table in `Topic`.
    ///   - instanceID: makes the membership static, so that a restarted process resumes at once; nil for a dynamic one.
    ///   - metrics: where records are counted; unless told otherwise, where nobody reads.
    package init(
        service: String, handler: Handler, pool: PostgresPool, kafka: KafkaConfiguration, instanceID: String?,
        policy: KafkaCluster.Policy, relay: OutboxRelay,
        metrics: PrometheusCollectorRegistry = PrometheusCollectorRegistry(), logger: Logger
    ) {
        self.service = service
        self.topics = Topic.consumed(by: service)
        self.metrics = ConsumerMetrics(topics, in: metrics)
        self.handler = handler
        self.pool = pool
        self.kafka = kafka
        self.instanceID = instanceID
        self.policy = policy
        self.relay = relay
        self.logger = logger
        metrics.makeGauges(
            name: "kafka_consumergroup_lag",
            help: "Records of a partition that this member has not handled yet, as of the last fetch."
        ) { [weak self] in self?.lag ?? [] }
        metrics.makeGauge(
            name: "consumer_partitions_out_of_range",
            help: "Partitions that stand still, since their next record was deleted before it was handled."
        ) { [weak self] in Double(self?.place.withLock { $0?.outOfRange.count } ?? 0) }
    }

    private var lag: [(labels: PrometheusCollectorRegistry.Labels, value: Double)] {
        guard let place = place.withLock({ $0 }) else { return [] }
        return place.consumer.knownLag(behind: place.claims.mapValues(\.next)).map { partition, records in
            let labels = [
                ("consumergroup", service), ("topic", partition.topic),
                ("partition", "\(partition.partition)"),
            ]
            return (labels, Double(records))
        }
    }

    /// Whether the group has given this member its first partitions, or said that there are none for it, and no cluster was
    /// refused since.
    package var isAssigned: Bool { assigned.load(ordering: .acquiring) }

    /// Consumes until `close()`.
    ///
    /// - Throws: `BuildError` when only another build or an operator can help; the service exits with its words.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.redrive() }
            try await self.join()
            group.cancelAll()
        }
    }

    private func redrive() async {
        let redrive = DeadLetterRedrive(handler: handler, pool: pool, logger: logger) { handled in
            self.committed(handled, messages: [], letters: [])
        }
        while !stop.isSet, !Task.isCancelled {
            await stop.sleep(.seconds(1))
            do {
                try await redrive.run()
            } catch {
                logger.debug("no dead letters read", metadata: [LogKey.error: "\(error)"])
            }
        }
    }

    private func join() async throws {
        var backoff = Backoff()
        while !stop.isSet, !Task.isCancelled {
            do {
                try await member { backoff.reset() }
            } catch let error as BuildError {
                throw error
            } catch is CancellationError where stop.isSet {
                return
            } catch {
                if error is ClusterError { assigned.store(false, ordering: .releasing) }
                metrics.interruptions.increment()
                logger.warning(
                    "consumer interrupted, joining again",
                    metadata: [LogKey.error: "\(error)", LogKey.attempt: "\(backoff.attempt + 1)"])
                await stop.sleep(backoff.next())
            }
        }
    }

    /// Ends `run()` after the batch in hand.
    package func close() { stop.set() }

    /// One membership in the group, from joining to leaving.
    private func member(_ progressing: () -> Void) async throws {
        let consumer = try BuildError.checking { () throws(KafkaError) in
            try KafkaConsumer(
                configuration: kafka, group: service, instanceID: instanceID, topics: topics.map(\.name),
                logger: logger)
        }
        do {
            let cluster = KafkaCluster(id: try await consumer.clusterID(timeout: .seconds(5)))
            try await cluster.admit(policy: policy, pool: pool)
            try await consumer.join()
            try await consume(from: consumer, on: cluster, progressing)
            await consumer.close()
        } catch {
            await consumer.close()
            throw error
        }
    }

    private func consume(
        from consumer: KafkaConsumer, on cluster: KafkaCluster, _ progressing: () -> Void
    ) async throws {
        let offsets = ConsumerOffsets(clusterID: cluster.id)
        var claims: [TopicPartition: ConsumerOffsets.Claim] = [:]
        var copied: (positions: [TopicPartition: Int64], at: ContinuousClock.Instant) = ([:], .now)
        var lastLook = ContinuousClock.now
        defer { place.withLock { $0 = nil } }
        while !stop.isSet {
            // On a cluster that was made anew there may be no record, and no topic, by which to notice.
            if lastLook.duration(to: .now) > Self.lookInterval {
                try await cluster.requireSame(as: consumer.clusterID(timeout: .seconds(5)))
                do {
                    try await offsets.requireHeld(claims, in: pool)
                } catch is PostgresError {
                    // The next batch waits for it, or stops the service.
                }
                lastLook = .now
            }
            switch try await poll(consumer, on: cluster, offsets, claims) {
            case .assigned(let partitions):
                claims = try await retrying { try await offsets.claim(partitions, in: self.pool) }
                claims = try await withinEnds(claims, of: consumer, on: cluster, offsets)
                try await consumer.assign(
                    claims.mapValues { $0.next > 0 ? $0.next : KafkaConsumer.beginning })
                place.withLock { $0 = Place(consumer: consumer, claims: claims) }
                assigned.store(true, ordering: .releasing)
                logger.debug("partitions assigned", metadata: [LogKey.count: "\(partitions.count)"])
            case .revoked:
                claims = [:]
                place.withLock { $0 = nil }
            case .records(let records):
                if !records.isEmpty {
                    let begun = ContinuousClock.now
                    try await cluster.requireSame(as: consumer.clusterID(timeout: .seconds(5)))
                    try await process(records, offsets, &claims)
                    progressing()
                    place.withLock { $0?.claims = claims }
                    let time = begun.duration(to: .now)
                    metrics.handled(records.count, in: time)
                    let rest = handler.pace - time
                    if rest > .zero, records.count < Self.batchMax { await stop.sleep(rest) }
                }
                // A copy for the tools that show lag, which read Kafka; ours is in Postgres.
                let age = copied.at.duration(to: .now)
                guard age > .seconds(1) else { continue }
                let positions = claims.filter { $0.value.next > 0 }.mapValues(\.next)
                if positions != copied.positions || age > Self.copyInterval {
                    await consumer.commit(positions)
                    copied = (positions, .now)
                }
            }
        }
    }

    // MARK: - Batches

    private func process(
        _ records: [KafkaRecord], _ offsets: ConsumerOffsets,
        _ claims: inout [TopicPartition: ConsumerOffsets.Claim]
    ) async throws {
        let decoded = records.map { record in
            Decoded(record: record, result: Result { () throws(ContractError) in try handler.decode(record) })
        }
        try await process(decoded[...], offsets, &claims)
    }

    /// Commits `batch`, or splits it around the record that can't be: the good prefix, the culprit, the rest.
    private func process(
        _ batch: ArraySlice<Decoded>, _ offsets: ConsumerOffsets,
        _ claims: inout [TopicPartition: ConsumerOffsets.Claim]
    ) async throws {
        let current = claims
        do {
            claims.merge(try await commit(batch, refused: nil, offsets, current)) { _, new in new }
        } catch {
            guard Self.isPermanent(error) else { throw error }
            if batch.count > 1 {
                let middle = batch.startIndex + batch.count / 2
                try await process(batch[..<middle], offsets, &claims)
                try await process(batch[middle...], offsets, &claims)
            } else {
                claims.merge(try await commitAlone(batch, refused: error, offsets, current)) { _, new in new }
            }
        }
    }

    /// Tries a record once more, by itself: what refused it may have been another transaction that is through
    /// by now.
    ///
    /// Then it is a dead letter.
    private func commitAlone(
        _ record: ArraySlice<Decoded>, refused: any Error, _ offsets: ConsumerOffsets,
        _ claims: [TopicPartition: ConsumerOffsets.Claim]
    ) async throws -> [TopicPartition: ConsumerOffsets.Claim] {
        do {
            return try await commit(record, refused: nil, offsets, claims)
        } catch {
            guard Self.isPermanent(error) else { throw error }
            return try await commit(record, refused: error, offsets, claims)
        }
    }

    /// Whether no repetition can help: the database refuses a value, or a row is not what any decider wrote.
    private static func isPermanent(_ error: any Error) -> Bool {
        switch error {
        case let error as PostgresError: error.classification == .permanentRecord
        case is FencedError, is KafkaError, is BuildError, is CancellationError: false
        default: true
        }
    }

    /// One transaction, repeated while the database is away: the fence, the effects, the events, the dead
    /// letters, the offsets.
    private func commit(
        _ batch: ArraySlice<Decoded>, refused: (any Error)?, _ offsets: ConsumerOffsets,
        _ claims: [TopicPartition: ConsumerOffsets.Claim]
    ) async throws -> [TopicPartition: ConsumerOffsets.Claim] {
        try await retrying { try await self.commitOnce(batch, refused: refused, offsets, claims) }
    }

    private func commitOnce(
        _ batch: ArraySlice<Decoded>, refused: (any Error)?, _ offsets: ConsumerOffsets,
        _ claims: [TopicPartition: ConsumerOffsets.Claim]
    ) async throws -> [TopicPartition: ConsumerOffsets.Claim] {
        var next: [TopicPartition: Int64] = [:]
        var messages: [Incoming<Handler.Message>] = []
        var letters: [DeadLetter] = []
        var heard: [String] = []
        messages.reserveCapacity(batch.count)
        heard.reserveCapacity(batch.count)
        for decoded in batch {
            let record = decoded.record
            heard.append(record.topic)
            next[TopicPartition(topic: record.topic, partition: record.partition)] = record.offset + 1
            switch decoded.result {
            case .success(let message) where refused == nil: messages.append(message)
            case .success:
                let errorClass = (refused as? PostgresError)?.sqlState?.rawValue ?? "state"
                letters.append(DeadLetter(offsets, record, errorClass, "\(refused, default: "")"))
            case .failure(let error): letters.append(DeadLetter(offsets, record, "contract", "\(error)"))
            }
        }
        let (moves, handling, parked) = (next, messages, letters)
        var (handled, fresh) = (Handled(), [DeadLetter]())
        do {
            try await pool.transaction { transaction in
                try await offsets.move(moves, from: claims, in: transaction)
                handled = handling.isEmpty ? Handled() : try await handler.handle(handling, in: transaction)
                let now = Timestamp.now()
                fresh = try await DeadLetter.insert(parked, in: transaction)
                handled.events += try fresh.map { try $0.announcement(service: service, at: now) }
                Outbox.append(handled.events, to: transaction)
                #if FAIL_POINTS
                    FailPoint.consumerCommitting.reached(size: handling.count)
                #endif
            }
        } catch PostgresError.outcomeUnknown(let reason) {
            // What did happen is to be told; repeating it would look as if another had taken the partitions.
            let isCommitted = try await retrying {
                try await offsets.stand(at: moves, under: claims, in: self.pool)
            }
            guard isCommitted else { throw PostgresError.outcomeUnknown(reason) }
        }
        #if FAIL_POINTS
            FailPoint.consumerCommitted.reached(size: messages.count)
        #endif
        metrics.records.count(heard)
        committed(handled, messages: messages, letters: fresh)
        return next.reduce(into: [:]) { moved, entry in
            guard var claim = claims[entry.key] else { return }
            claim.next = entry.value
            moved[entry.key] = claim
        }
    }

    private func committed(_ handled: Handled, messages: [Incoming<Handler.Message>], letters: [DeadLetter]) {
        if !handled.events.isEmpty { relay.eventsWritten() }
        report(messages)
        handled.afterCommit?()
        metrics.deadLetters.count(letters.lazy.map(\.record.topic))
        for letter in letters {
            logger.error(
                "dead letter: see `shop dead-letters list`",
                metadata: [
                    LogKey.kafkaTopic: letter.record.topic,
                    LogKey.kafkaPartition: "\(letter.record.partition)",
                    LogKey.kafkaOffset: "\(letter.record.offset)", LogKey.error: letter.error,
                ])
        }
        for alarm in handled.alarms { logger.error("impossible event", metadata: [LogKey.error: alarm]) }
    }

    /// Shows people what was heard, and how long after it was said.
    private func report(_ messages: [Incoming<Handler.Message>]) {
        guard logger.logLevel <= .info else { return }
        let now = Timestamp.now()
        for message in messages where message.event.correlationID != nil {
            logger.flow(
                .received, order: message.event.subject, message.event.type,
                detail: "+\(now.since(message.event.time).milliseconds)ms")
        }
    }

    // MARK: - Retries

    /// Repeats `body` for as long as its failure is transient.
    ///
    /// - Throws: `CancellationError` when the service stops meanwhile: the caller must not go on to what comes after,
    ///   since moving an offset past work that was not done would lose it.
    func retrying<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        var backoff = Backoff()
        while true {
            do {
                return try await body()
            } catch let error as PostgresError {
                switch error.classification {
                case .permanentRecord: throw error
                case .permanentBuild:
                    throw BuildError("the database does not fit this build: \(error)")
                case .transient:
                    if stop.isSet || Task.isCancelled { throw CancellationError() }
                    if backoff.attempt % 10 == 0 {
                        logger.warning(
                            "database interrupted, trying again", metadata: [LogKey.error: "\(error)"])
                    }
                    await stop.sleep(backoff.next())
                }
            }
        }
    }

    /// A class: what is generic here is so at run time, too, where each copy of a structure costs a look at its type.
    private final class Decoded: Sendable {
        let record: KafkaRecord
        let result: Result<Incoming<Handler.Message>, ContractError>

        init(record: KafkaRecord, result: Result<Incoming<Handler.Message>, ContractError>) {
            self.record = record
            self.result = result
        }
    }
}
