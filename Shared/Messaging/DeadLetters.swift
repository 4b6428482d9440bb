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

    /// Where another record has its letter in that place, this has it leave, and is to be repeated.
    private static let insert = PostgresStatement(
        "dead_letter.insert",
        """
        INSERT INTO dead_letter (cluster_id, topic, partition, "offset", key, headers, value, error_class, error)
        SELECT $1, * FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bytea[], $6::text[], $7::bytea[],
            $8::text[], $9::text[])
        ON CONFLICT ON CONSTRAINT dead_letter_position DO UPDATE SET cluster_id = NULL
            WHERE (dead_letter.key, dead_letter.headers, dead_letter.value)
                IS DISTINCT FROM (excluded.key, excluded.headers, excluded.value)
        RETURNING topic, partition, "offset", cluster_id IS NULL
        """)

    /// Puts records aside.
    ///
    /// A topic that was deleted and made anew counts its offsets from 0 again, so a place alone does not tell a record. The
    /// letter of a record that is no longer in its place stays, for people, and has no cluster.
    ///
    /// - Returns: those that were not there already, from before a rewind of the offsets.
    static func insert(
        _ letters: [DeadLetter], in transaction: PostgresTransaction
    ) async throws -> [DeadLetter] {
        let (added, vacated) = try await place(letters, in: transaction)
        return try await added + place(vacated, in: transaction).added
    }

    /// - Returns: those that got their place, and those whose place another record's letter has left for them.
    private static func place(
        _ letters: [DeadLetter], in transaction: PostgresTransaction
    ) async throws -> (added: [DeadLetter], vacated: [DeadLetter]) {
        guard let first = letters.first else { return ([], []) }
        let result = try await transaction.query(
            insert(
                first.clusterID, letters.map(\.record.topic), letters.map(\.record.partition),
                letters.map(\.record.offset), letters.map(\.record.key), letters.map(\.headersJSON),
                letters.map(\.record.value), letters.map(\.errorClass), letters.map(\.error)))
        var isVacated: [String: Bool] = [:]
        for row in result {
            isVacated[try position(row.string(0), row.int32(1), row.int64(2))] = try row.bool(3)
        }
        return (
            letters.filter { isVacated[$0.record.position] == false },
            letters.filter { isVacated[$0.record.position] == true }
        )
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
