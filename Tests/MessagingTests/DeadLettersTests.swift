import Kafka
import Postgres
import Testing

@testable import Messaging

@Suite("Dead letters set aside")
struct DeadLettersTests {
    /// A record in the one place that these tests are about.
    private func record(
        key: String? = "key", header: String = "header", value: String? = "value"
    ) -> KafkaRecord {
        KafkaRecord(
            topic: "orders.created", partition: 0, offset: 7, timestamp: 0, key: key.map { Array($0.utf8) },
            value: value.map { Array($0.utf8) }, headers: [("name", Array(header.utf8))])
    }

    /// - Returns: how many of them are new.
    private func setAside(_ record: KafkaRecord, in house: MessagingHouse) async throws -> Int {
        let offsets = ConsumerOffsets(clusterID: "cluster")
        return try await house.pool.transaction { transaction in
            try await DeadLetter.insert([DeadLetter(offsets, record, "test", "by the test")], in: transaction)
        }.count
    }

    @Test(arguments: ["parked", "retry", "redriven", "discarded"])
    func `the same record is not set aside again, whatever became of it`(state: String) async throws {
        try await MessagingHouse.with { house in
            #expect(try await setAside(record(), in: house) == 1)
            try await house.run("UPDATE dead_letter SET state = '\(state)'")
            #expect(try await setAside(record(), in: house) == 0)
            #expect(
                try await house.strings("SELECT cluster_id || ' ' || state FROM dead_letter")
                    == ["cluster \(state)"])
        }
    }

    @Test func `another record in its place is set aside, and both stay`() async throws {
        try await MessagingHouse.with { house in
            let others = [
                record(), record(key: "another"), record(key: nil), record(header: "another"),
                record(value: "another"), record(value: ""), record(value: nil),
            ]
            for other in others {
                #expect(try await setAside(other, in: house) == 1, "\(other)")
                #expect(try await setAside(other, in: house) == 0, "\(other)")
            }
            let clusters = try await house.strings(
                "SELECT coalesce(cluster_id, 'none') FROM dead_letter ORDER BY id")
            #expect(clusters == Array(repeating: "none", count: 6) + ["cluster"])
            #expect(try await house.number("SELECT count(*) FROM dead_letter WHERE state = 'parked'") == 7)
        }
    }

    @Test func `of a topic that was made anew any record is another`() async throws {
        try await MessagingHouse.with { house in
            #expect(try await setAside(record(), in: house) == 1)
            try await house.withConnection {
                try await Rewind.forgetRecords(of: ["orders.cancelled"], cluster: "cluster", on: $0)
            }
            #expect(try await setAside(record(), in: house) == 0)
            try await house.withConnection {
                try await Rewind.forgetRecords(of: ["orders.created"], cluster: "another", on: $0)
            }
            #expect(try await setAside(record(), in: house) == 0)
            try await house.withConnection {
                try await Rewind.forgetRecords(of: ["orders.created"], cluster: "cluster", on: $0)
            }
            #expect(try await setAside(record(), in: house) == 1)
        }
    }
}
