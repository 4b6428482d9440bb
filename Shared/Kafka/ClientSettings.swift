/// The settings of librdkafka for each kind of client, with the reason for each.
///
/// Several defend against bugs of librdkafka 2.0.2, which is what Debian 12 ships.
enum ClientSettings {
    typealias Settings = [String: String]

    /// Admin clients have these alone.
    static func common(_ configuration: KafkaConfiguration) -> Settings {
        [
            "bootstrap.servers": configuration.bootstrapServers,
            "client.id": configuration.clientID,
            // Topics are made by `shop setup`; one that is missing is a mistake to be told, not to be papered
            // over.
            "allow.auto.create.topics": "false",
            // Nagle waits for more data before it sends; on by default before 2.10.0.
            "socket.nagle.disable": "true",
            "socket.keepalive.enable": "true",
            // A broker that has gone silent is noticed within this time, rather than a minute.
            "socket.timeout.ms": "10000",
            "socket.connection.setup.timeout.ms": "5000",
            // Back soon after a broker's restart; the default grows to 10 s.
            "reconnect.backoff.ms": "50",
            "reconnect.backoff.max.ms": "1000",
            // Topics that were made, or made anew, since the client came are seen within this time, rather than after
            // five minutes.
            "topic.metadata.refresh.interval.ms": "10000",
            "log.connection.close": "false",
        ].merging(configuration.securitySettings) { _, theirs in theirs }
    }

    static func producer(_ configuration: KafkaConfiguration) -> Settings {
        [
            // Retries neither reorder nor duplicate; implies acks=all and at most five requests in flight.
            "enable.idempotence": "true",
            "acks": "all",
            // A record that is given up leaves a gap which the guarantee of order doesn't cover. The outbox
            // still has it, so to wait is right.
            "delivery.timeout.ms": "0",
            // The sender of whole batches waits for nothing: they are queued within microseconds and still share
            // requests.
            "linger.ms": "0",
            "retry.backoff.ms": "50",
            "batch.num.messages": "1000",
            "batch.size": "1000000",
            // Bounds memory; a full queue is `KafkaError.queueFull`. See `KafkaProducer.recordsInFlightMax`.
            "queue.buffering.max.messages": "100000",
            "queue.buffering.max.kbytes": "65536",
            "compression.codec": "lz4",
            // The partitioner of Java's clients and tools; librdkafka's own default is CRC32.
            "partitioner": "murmur2_random",
        ].merging(common(configuration)) { ours, _ in ours }
            .merging(configuration.securitySettings) { _, theirs in theirs }
    }

    static func consumer(_ configuration: KafkaConfiguration, group: String, instanceID: String?) -> Settings
    {
        var settings: Settings = [
            "group.id": group,
            // Offsets live in Postgres, beside the effects of the records.
            "enable.auto.commit": "false",
            "enable.auto.offset.store": "false",
            // Never jump over records or back to old ones by oneself: an unknown position is an error.
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "check.crcs": "true",
            // A dead instance frees its partitions after this time; one that restarts sooner goes on at once.
            "session.timeout.ms": "\(configuration.sessionTimeoutMilliseconds)",
            "heartbeat.interval.ms": "\(configuration.sessionTimeoutMilliseconds / 5)",
            // A stuck handler loses its partitions after a minute.
            "max.poll.interval.ms": "60000",
            // Topics of the same partition count land together on one instance. Eager, since the cooperative
            // strategy of 2.0.2 has bugs (librdkafka issues 4381, 4528, 4636, 4800, 4059).
            "partition.assignment.strategy": "range",
            "fetch.wait.max.ms": "\(configuration.fetchWaitMilliseconds)",
            "fetch.min.bytes": "1",
            // What is fetched but not polled yet. Once that is full, librdkafka before 2.2.0 may look away
            // for a second, so it has to be more than is handled in one.
            "queued.min.messages": "20000",
            "queued.max.messages.kbytes": "16384",
            // One answer of a broker, compressed: it comes on top of the above. A larger record still comes.
            "fetch.max.bytes": "1048576",
            "message.max.bytes": "1048576",
            "fetch.message.max.bytes": "262144",
            // The pause after an error of one partition; half a second by default.
            "fetch.error.backoff.ms": "100",
        ]
        settings["group.instance.id"] = instanceID
        return settings.merging(common(configuration)) { ours, _ in ours }
            .merging(configuration.securitySettings) { _, theirs in theirs }
    }
}
