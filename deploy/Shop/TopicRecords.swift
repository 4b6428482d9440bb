import Kafka

/// What stands in partitions, from their beginnings to where they ended when somebody asked.
enum TopicRecords {
    /// How long the brokers may bring nothing before the reading gives up.
    private static let patience = Duration.seconds(30)

    /// Hands over every record, in order for each partition.
    ///
    /// - Parameter limits: the partitions, and what of them is to be read.
    /// - Throws: `KafkaError`; `Failure` where the brokers stop answering; what `take` throws.
    static func read(
        _ limits: [TopicPartition: PartitionLag], _ shop: Shop, take: (KafkaRecord) throws -> Void
    ) async throws {
        var waiting = Set(limits.filter { $0.value.end > $0.value.beginning }.keys)
        guard !waiting.isEmpty else { return }
        let reader = try TopicReader(configuration: try shop.kafka(), logger: shop.logger)
        do {
            try await reader.read(limits.filter { waiting.contains($0.key) }.mapValues(\.beginning))
            var lastWord = ContinuousClock.now
            while !waiting.isEmpty {
                let batch = try await reader.poll(max: 5000, timeout: .milliseconds(200))
                for record in batch.records {
                    try take(record)
                    let partition = record.topicPartition
                    if record.offset + 1 >= limits[partition]?.end ?? 0 { waiting.remove(partition) }
                }
                waiting.subtract(batch.ended)
                if !batch.records.isEmpty || !batch.ended.isEmpty { lastWord = .now }
                guard ContinuousClock.now - lastWord < patience else {
                    throw Failure(
                        "Kafka brings nothing more of \(waiting.count) partitions: is a broker away?")
                }
            }
            await reader.close()
        } catch {
            await reader.close()
            throw error
        }
    }
}
