import Contracts
import FoundationEssentials
import Kafka
import Kernel
import Postgres

/// Records a service can't handle: rows beside its state, written in the transaction that passes over the record.
///
/// A topic for them alone would not do: a record sent there and an offset moved here are two writes, and a crash
/// between them loses or doubles one. The topic `SERVICE.deadLetters` gets a copy through the outbox, for people.
struct DeadLetter: Sendable {
    let clusterID: String
    let record: KafkaRecord
    let errorClass: String
    let error: String

    init(_ offsets: ConsumerOffsets, _ record: KafkaRecord, _ errorClass: String, _ error: String) {
        self.clusterID = offsets.clusterID
        self.record = record
        self.errorClass = errorClass
        self.error = error.withoutNUL
    }

    private static let insert = PostgresStatement(
        "dead_letter.insert",
        """
        INSERT INTO dead_letter (cluster_id, topic, partition, "offset", key, headers, value, error_class, error)
        SELECT $1, * FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bytea[], $6::text[], $7::bytea[],
            $8::text[], $9::text[])
        ON CONFLICT ON CONSTRAINT dead_letter_position DO NOTHING
        RETURNING topic, partition, "offset"
        """)

    /// Puts records aside.
    ///
    /// - Returns: those that were not there already, from before a rewind of the offsets.
    static func insert(
        _ letters: [DeadLetter], in transaction: PostgresTransaction
    ) async throws -> [DeadLetter] {
        guard let first = letters.first else { return [] }
        let result = try await transaction.query(
            insert(
                first.clusterID, letters.map(\.record.topic), letters.map(\.record.partition),
                letters.map(\.record.offset), letters.map(\.record.key), letters.map(\.headersJSON),
                letters.map(\.record.value), letters.map(\.errorClass), letters.map(\.error)))
        let fresh = try Set(
            result.map { try position($0.string(0), $0.int32(1), $0.int64(2)) })
        return letters.filter { fresh.contains($0.record.position) }
    }

    /// The copy for people, on the service's dead letter topic.
    ///
    /// Its parts are cut so that a window full of them fits the relay's producer, which refuses a record above 1 MB and
    /// holds 64: one that it refused would stop all that is behind it.
    func announcement(service: String, at time: Timestamp) throws -> OutgoingEvent {
        let key = record.key.map { String(decoding: $0.prefix(256), as: UTF8.self).withoutNUL } ?? ""
        return try OutgoingEvent(
            deadLetter: DeadLettered(
                topic: record.topic, partition: record.partition, offset: record.offset,
                bytes: record.value?.count ?? 0,
                errorClass: errorClass,
                error: String(String.UnicodeScalarView(error.unicodeScalars.prefix(1000))),
                value: record.value.flatMap { $0.count <= 16_384 ? Data($0).base64EncodedString() : nil }),
            topic: Topic.deadLetters(of: service).name, key: key.isEmpty ? record.position : key, at: time)
    }

    private var headersJSON: String {
        let pairs = record.headers.map { [$0.name, String(decoding: $0.value, as: UTF8.self)] }
        guard let data = try? JSONEncoder().encode(pairs) else { return "[]" }
        return String(decoding: data, as: UTF8.self)
    }
}

extension String {
    /// Postgres refuses a text with a NUL in it, and a record that holds one must not get stuck for that.
    var withoutNUL: String { replacing("\0", with: "\u{FFFD}") }
}

extension KafkaRecord {
    var position: String { Messaging.position(topic, partition, offset) }
}

/// `topic/partition@offset`.
private func position(_ topic: String, _ partition: Int32, _ offset: Int64) -> String {
    "\(topic)/\(partition)@\(offset)"
}
