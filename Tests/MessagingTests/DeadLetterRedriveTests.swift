import Contracts
import Kafka
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite("Dead letters tried again")
struct DeadLetterRedriveTests {
    /// Parks these as the consumer does, the first at offset 0, and marks them for another try.
    private func park(_ records: [ProducerRecord], in house: MessagingHouse) async throws {
        let offsets = ConsumerOffsets(clusterID: "cluster")
        try await house.pool.transaction { transaction in
            _ = try await DeadLetter.insert(
                records.enumerated().map { offset, record in
                    let received = KafkaRecord(
                        topic: record.topic, partition: 0, offset: Int64(offset), timestamp: 0,
                        key: record.key, value: record.value,
                        headers: record.headers.map { ($0.name, Array($0.value.utf8)) })
                    return DeadLetter(offsets, received, "test", "parked by the test")
                }, in: transaction)
        }
        try await house.run("UPDATE dead_letter SET state = 'retry'")
    }

    private func redrive(_ handler: EffectHandler, _ house: MessagingHouse) async throws {
        let redrive = DeadLetterRedrive(handler: handler, pool: house.pool, logger: house.log.logger) {
            $0.afterCommit?()
        }
        try await redrive.run()
    }

    private func states(_ house: MessagingHouse) async throws -> [String] {
        try await house.strings("SELECT state || ' ' || attempts FROM dead_letter ORDER BY id")
    }

    @Test func `those that can be handled now are, and those that can't are parked again`() async throws {
        try await MessagingHouse.with { house in
            var unreadable = try OrderCancelled(by: "u").record
            unreadable.value = []
            let refused = try OrderCancelled(by: "refused").record
            try await park([try OrderCancelled(by: "a").record, unreadable, refused], in: house)
            let handler = EffectHandler()
            try await redrive(handler, house)
            #expect(try await states(house) == ["redriven 2", "parked 2", "parked 2"])
            let errors = try await house.strings("SELECT error FROM dead_letter ORDER BY id")
            #expect(errors[1] == ContractError.empty.description)
            #expect(errors[2].contains("23514"))
            #expect(handler.afterCommits.load(ordering: .relaxed) == 1, "what waits for the commit is told")
            #expect(try await house.number("SELECT count(*) FROM outbox") == 1)

            try await house.run("ALTER TABLE effect DROP CONSTRAINT effect_customer")
            try await house.run("UPDATE dead_letter SET state = 'retry' WHERE state = 'parked'")
            try await redrive(handler, house)
            #expect(try await states(house) == ["redriven 2", "parked 3", "redriven 3"])
            let customers = try await house.strings("SELECT customer FROM effect ORDER BY customer")
            #expect(customers == ["a", "refused"])
        }
    }

    @Test func `one that was handled meanwhile changes nothing`() async throws {
        try await MessagingHouse.with { house in
            let record = try OrderCancelled(by: "a").record
            try await park([record, record], in: house)
            try await redrive(EffectHandler(), house)
            #expect(try await states(house) == ["redriven 2", "redriven 2"])
            #expect(try await house.number("SELECT count(*) FROM effect") == 1)
            #expect(try await house.number("SELECT count(*) FROM outbox") == 1)
        }
    }

    @Test func `one that lost to another of its order is tried again before it is parked`() async throws {
        try await MessagingHouse.with { house in
            try await park([try OrderCancelled(by: "raced").record], in: house)
            try await redrive(EffectHandler(), house)
            #expect(try await states(house) == ["redriven 2"])
        }
    }

    @Test func `those that nobody marked are left alone`() async throws {
        try await MessagingHouse.with { house in
            try await park([try OrderCancelled(by: "a").record], in: house)
            try await house.run("UPDATE dead_letter SET state = 'parked'")
            let handler = EffectHandler()
            try await redrive(handler, house)
            #expect(handler.tried.isEmpty)
            #expect(try await states(house) == ["parked 1"])
        }
    }

    /// Every instance asks each second, for as long as the shop runs.
    @Test(arguments: [false, true])
    func `it reads none of those that are done with, however many there are`(analyzed: Bool) async throws {
        try await MessagingHouse.with { house in
            // One connection, so that it is the one whose statistics are asked for.
            var database = house.database.asOfService
            database.maxConnections = 1
            let pool = PostgresPool(configuration: database, logger: house.log.logger)
            func round() async throws -> Int64 {
                let before = try await rowsRead(pool)
                try await DeadLetterRedrive(handler: EffectHandler(), pool: pool, logger: house.log.logger) {
                    $0.afterCommit?()
                }.run()
                return try await rowsRead(pool) - before
            }
            // The plan is made now, and kept.
            #expect(try await round() == 0)
            try await house.run(
                """
                INSERT INTO dead_letter (cluster_id, topic, partition, "offset", headers, error_class, error, state)
                SELECT 'cluster', 'orders.created', 1, number, '[]', 'test', 'test', 'retry'
                FROM generate_series(1, 200000) AS number
                """)
            // Statistics may be of a moment when all were marked.
            if analyzed { try await house.run("ANALYZE dead_letter") }
            try await house.run("UPDATE dead_letter SET state = 'discarded'")
            #expect(try await round() == 0)
            try await house.run("UPDATE dead_letter SET state = 'retry' WHERE \"offset\" = 100000")
            let read = try await round()
            #expect((1..<10).contains(read), "the one that is marked: \(read)")
            #expect(
                try await house.strings("SELECT \"offset\"::text FROM dead_letter WHERE attempts = 2")
                    == ["100000"])
            await pool.close()
        }
    }

    /// Of the table, in all that the pool's connections have done until now.
    private func rowsRead(_ pool: PostgresPool) async throws -> Int64 {
        try await pool.query(PostgresStatement.once("SELECT pg_stat_force_next_flush()")())
        let sql = """
            SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relid = 'dead_letter'::regclass
            """
        return try await pool.query(PostgresStatement.once(sql)())[0].int64(0)
    }

    /// What a header holds comes back as it was, a backslash before `u0000` included.
    @Test func `the record that is tried again is the one that came`() async throws {
        try await MessagingHouse.with { house in
            var record = try OrderCancelled(by: "a").record
            record.headers.append(("odd", #"back\u0000 "quoted" ä"#))
            try await park([record], in: house)
            try await redrive(EffectHandler(), house)
            #expect(try await states(house) == ["redriven 2"])
        }
    }
}
