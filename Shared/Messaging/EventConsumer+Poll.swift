import Kafka
import Observability
import Postgres
import Synchronization

/// What a poll says instead of bringing records, and positions that no fetch could begin at.
extension EventConsumer {
    typealias Claims = [TopicPartition: ConsumerOffsets.Claim]

    /// How long brokers get to say where partitions begin or end; nothing is handled meanwhile.
    static var edgesLimit: Duration { .seconds(2) }

    /// How long a topic has to be unknown before it is missing.
    ///
    /// A broker may lag behind the others, and librdkafka 2.0.2 takes a temporary error in one answer about a topic, such as
    /// one without a leader, for its absence.
    static var absenceLimit: Duration { .seconds(10) }

    /// - Throws: `BuildError` where only a person can help; else what ends this membership, to be joined again.
    func poll(
        _ consumer: KafkaConsumer, on cluster: KafkaCluster, _ offsets: ConsumerOffsets, _ claims: Claims
    ) async throws -> KafkaConsumer.Poll {
        do {
            return try await consumer.poll(max: Self.batchMax, timeout: .milliseconds(200))
        } catch {
            // On a cluster that is another, nothing is to be concluded from what is missing.
            try await cluster.requireSame(as: consumer.clusterID(timeout: .seconds(5)))
            switch error {
            case .authorization, .configuration:
                throw BuildError(refusal: error)
            case .unknownTopic(let topic):
                guard try await staysUnknown(topic, to: consumer) else { throw error }
                throw BuildError(refusal: error)
            case .offsetOutOfRange(let partition, _):
                // By the time this is known, the end may have come past the position again: the beginning tells.
                let beginnings = try await consumer.beginningOffsets(
                    of: [partition], timeout: Self.edgesLimit)
                guard let beginning = beginnings[partition], let claim = claims[partition], claim.next > 0
                else { throw error }
                guard claim.next < beginning else {
                    _ = try await setBack([partition], claims, offsets)
                    throw error
                }
                logger.error(
                    "records were deleted before they were handled, and their partition stands still: "
                        + "`shop outbox rewind --all --offsets`",
                    metadata: [LogKey.error: "\(error)"])
                // The other partitions are none the worse for it.
                place.withLock { _ = $0?.outOfRange.insert(partition) }
                return .records([])
            case .fatal, .transient, .recordTooLarge, .queueFull, .timedOut, .closed, .other: throw error
            }
        }
    }

    /// Asks again about a topic that was said not to be there.
    ///
    /// - Throws: `KafkaError` for another answer, or none.
    private func staysUnknown(_ topic: String, to consumer: KafkaConsumer) async throws -> Bool {
        logger.warning("a topic can't be found, looking again", metadata: [LogKey.kafkaTopic: topic])
        let deadline = ContinuousClock.now + Self.absenceLimit
        while ContinuousClock.now < deadline {
            await stop.sleep(.milliseconds(500))
            guard !stop.isSet, !Task.isCancelled else { return false }
            do {
                try await consumer.find(topic: topic, timeout: .seconds(5))
                return false
            } catch KafkaError.unknownTopic {
                continue
            }
        }
        return true
    }

    /// Compares what was claimed with the ends of the partitions, and sets back what lies beyond.
    ///
    /// A log is shorter than what was handled of it where its topic was made anew outside `shop setup`, Kafka was
    /// restored from a snapshot, or an unclean election lost its tail. Once it has grown past the position, reading on
    /// there is legal, and the records before it would never be handled. One that grew so far while nobody looked can't
    /// be told from one that was never shorter: there only `shop outbox rewind --all --offsets` helps.
    ///
    /// Where no broker says in time what the ends are, the first fetch shows which positions are out of range.
    ///
    /// - Returns: the claims to read from.
    func withinEnds(
        _ claims: Claims, of consumer: KafkaConsumer, on cluster: KafkaCluster, _ offsets: ConsumerOffsets
    ) async throws -> Claims {
        let begun = claims.filter { $0.value.next > 0 }
        guard !begun.isEmpty else { return claims }
        let ends: [TopicPartition: Int64]
        do {
            ends = try await consumer.endOffsets(of: begun.keys.sorted(), timeout: Self.edgesLimit)
        } catch {
            logger.warning("ends of partitions not known", metadata: [LogKey.error: "\(error)"])
            return claims
        }
        let beyond = begun.filter { partition, claim in ends[partition].map { claim.next > $0 } ?? false }
        guard !beyond.isEmpty else { return claims }
        try await cluster.requireSame(as: consumer.clusterID(timeout: .seconds(5)))
        return try await setBack(beyond.keys.sorted(), claims, offsets)
    }

    /// Has `partitions` read again from their beginning; what is heard twice changes nothing.
    ///
    /// - Returns: the claims as they are then.
    /// - Throws: `FencedError` where another member holds a partition by now.
    private func setBack(
        _ partitions: [TopicPartition], _ claims: Claims, _ offsets: ConsumerOffsets
    ) async throws -> Claims {
        let start = Dictionary(uniqueKeysWithValues: partitions.map { ($0, Int64(0)) })
        try await retrying {
            try await self.pool.transaction { try await offsets.move(start, from: claims, in: $0) }
        }
        var moved = claims
        for partition in partitions {
            logger.error(
                "kafka has less of a partition than was handled, so it is read again from its beginning: "
                    + "`shop outbox rewind --all` publishes what is lost",
                metadata: [
                    LogKey.kafkaTopic: partition.topic, LogKey.kafkaPartition: "\(partition.partition)",
                    LogKey.kafkaOffset: "\(claims[partition]?.next ?? 0)",
                ])
            moved[partition]?.next = 0
        }
        return moved
    }
}
