import Kafka
import Postgres

/// The offsets of a service, in its own schema: what makes an effect happen once.
///
/// A partition is claimed by raising its epoch; every batch then moves the offset by compare-and-set in the transaction
/// of its effects. Whoever lost the partition, or never heard that it did, moves no row and changes nothing.
struct ConsumerOffsets: Sendable {
    /// A claim on a partition: the next offset to handle, and the epoch under which we may.
    struct Claim: Sendable, Equatable {
        var next: Int64
        let epoch: Int64
    }

    let clusterID: String

    private static let claim = PostgresStatement(
        "consumer_offset.claim",
        """
        INSERT INTO consumer_offset (cluster_id, topic, partition, next, epoch)
        SELECT $1, topic, partition, 0, 1 FROM unnest($2::text[], $3::integer[]) AS wanted (topic, partition)
        ON CONFLICT (cluster_id, topic, partition) DO UPDATE SET epoch = consumer_offset.epoch + 1
        RETURNING topic, partition, next, epoch
        """)

    private static let held = PostgresStatement(
        "consumer_offset.held",
        """
        SELECT FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS held (topic, partition, epoch)
        JOIN consumer_offset AS stored USING (topic, partition, epoch) WHERE cluster_id = $1
        """)

    private static let move = PostgresStatement(
        "consumer_offset.move",
        """
        UPDATE consumer_offset AS stored SET next = moved.next
        FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[])
            AS moved (topic, partition, expected, next, epoch)
        WHERE stored.cluster_id = $1 AND stored.topic = moved.topic AND stored.partition = moved.partition
            AND stored.next = moved.expected AND stored.epoch = moved.epoch
        """)

    /// Locks what it reads, so that it waits for a transaction that has them in hand.
    private static let stand = PostgresStatement(
        "consumer_offset.stand",
        """
        SELECT stored.topic, stored.partition, next, epoch
        FROM consumer_offset AS stored JOIN unnest($2::text[], $3::integer[]) AS moved (topic, partition)
            USING (topic, partition)
        WHERE cluster_id = $1 ORDER BY stored.topic, stored.partition FOR SHARE OF stored
        """)

    /// Takes over `partitions` and says where each goes on; whoever held them before is fenced from here on.
    func claim(_ partitions: [TopicPartition], in pool: PostgresPool) async throws -> [TopicPartition: Claim]
    {
        let sorted = partitions.sorted()
        let rows = try await pool.query(
            Self.claim(clusterID, sorted.map(\.topic), sorted.map(\.partition)))
        var claims: [TopicPartition: Claim] = [:]
        for row in rows {
            let partition = TopicPartition(topic: try row.string(0), partition: try row.int32(1))
            claims[partition] = Claim(next: try row.int64(2), epoch: try row.int64(3))
        }
        return claims
    }

    /// Looks whether what was claimed still is.
    ///
    /// - Throws: `FencedError` where it isn't: `move` would say so, but a quiet shop has no record to move past.
    func requireHeld(_ claims: [TopicPartition: Claim], in pool: PostgresPool) async throws {
        let sorted = claims.sorted { $0.key < $1.key }
        guard let first = sorted.first else { return }
        let query = Self.held(
            clusterID, sorted.map(\.key.topic), sorted.map(\.key.partition), sorted.map(\.value.epoch))
        guard try await pool.query(query).rowCount == sorted.count else {
            throw FencedError(partition: first.key)
        }
    }

    /// Whether a `move` whose COMMIT nobody answered has taken place.
    ///
    /// Waits for a transaction that is not over yet. False where others have moved the offsets on since.
    func stand(
        at next: [TopicPartition: Int64], under claims: [TopicPartition: Claim], in pool: PostgresPool
    ) async throws -> Bool {
        let sorted = next.keys.sorted()
        let rows = try await pool.query(Self.stand(clusterID, sorted.map(\.topic), sorted.map(\.partition)))
        let moved = try rows.filter { row in
            let partition = TopicPartition(topic: try row.string(0), partition: try row.int32(1))
            return try row.int64(2) == next[partition] && row.int64(3) == claims[partition]?.epoch
        }
        return moved.count == sorted.count
    }

    /// Moves the offsets to `next`, which may be back, as the first write of `transaction`, so that the fence stands before
    /// any effect.
    ///
    /// - Throws: at the next round trip, `FencedError` where another member has claimed a partition meanwhile.
    func move(
        _ next: [TopicPartition: Int64], from claims: [TopicPartition: Claim],
        in transaction: PostgresTransaction
    ) async throws {
        let sorted = next.keys.sorted()
        let held = try sorted.map { partition in
            guard let claim = claims[partition] else { throw FencedError(partition: partition) }
            return claim
        }
        let count = sorted.count
        transaction.enqueue(
            Self.move(
                clusterID, sorted.map(\.topic), sorted.map(\.partition), held.map(\.next),
                sorted.map { next[$0] ?? 0 }, held.map(\.epoch))
        ) { result in
            guard result.affectedRows == count else { throw FencedError(partition: sorted[0]) }
        }
    }
}

/// Another member of the group owns a partition we still thought ours, or an operator has set it back; nothing was changed.
///
/// The consumer starts over.
struct FencedError: Error, CustomStringConvertible {
    let partition: TopicPartition
    var description: String {
        "the partitions around \(partition) belong to another member now, or were set back"
    }
}
