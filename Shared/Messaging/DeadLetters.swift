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
        """)

    static func append(_ letters: [DeadLetter], to transaction: PostgresTransaction) {
        guard let first = letters.first else { return }
        transaction.enqueue(
            insert(
                first.clusterID, letters.map(\.record.topic), letters.map(\.record.partition),
                letters.map(\.record.offset), letters.map(\.record.key), letters.map(\.headersJSON),
                letters.map(\.record.value), letters.map(\.errorClass), letters.map(\.error)))
    }

    /// The copy for people, on the service's dead letter topic.
    func announcement(service: String, at time: Timestamp) throws -> OutgoingEvent {
        let key = record.key.map { String(decoding: $0, as: UTF8.self).withoutNUL } ?? record.position
        return try OutgoingEvent(
            deadLetter: DeadLettered(
                topic: record.topic, partition: record.partition, offset: record.offset,
                bytes: record.value?.count ?? 0,
                errorClass: errorClass, error: error,
                value: record.value.flatMap { $0.count <= 65_536 ? Data($0).base64EncodedString() : nil }),
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
    /// `topic/partition@offset`.
    var position: String { "\(topic)/\(partition)@\(offset)" }
}
