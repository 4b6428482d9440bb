import Postgres
import TestSupport
import Testing

@testable import Messaging

/// The cursor of the relay beside the two that are easier to think of, over the same rows in the same moments.
@Suite("The outbox's cursor and the naive ones")
struct OutboxCursorTests {
    /// SQL that writes an event about a key; the row of the key is already locked, or no one else writes it.
    private func event(_ key: String, _ version: Int64) -> String {
        """
        INSERT INTO outbox (event_id, topic, key, version, occurred_at, payload)
        VALUES (gen_random_uuid(), 'orders.cancelled', '\(key)', \(version), now(), '{}');
        """
    }

    @Test func `a number drawn first and committed last is lost by the sequence, not by snapshots`()
        async throws
    {
        try await MessagingHouse.with { house in
            try await house.withConnection { slow in
                try await house.withConnection { reading in
                    var naive = SequenceReader(connection: reading)
                    var ours = try await SnapshotReader(reading, pool: house.pool)
                    try await slow.run("BEGIN; \(event("slow", 1))")
                    try await house.write("fast", versions: 1...1)
                    var (naively, rightly) = (try await naive.read(), try await ours.read())
                    try await slow.run("COMMIT")
                    naively += try await naive.read()
                    rightly += try await ours.read()
                    #expect(naively == [SeenEvent(key: "fast", version: 1)], "the other is lost for ever")
                    #expect(rightly == [("fast", 1), ("slow", 1)].map(SeenEvent.init))
                    #expect(try await ours.read() == [])
                }
            }
        }
    }

    @Test func `a transaction that began first and got the row last is turned around under xmin only`()
        async throws
    {
        try await MessagingHouse.with { house in
            try await house.run("INSERT INTO thing VALUES ('shared'), ('own')")
            try await house.withConnection { late in
                try await house.withConnection { early in
                    try await house.withConnection { reading in
                        var naive = TransactionReader(connection: reading)
                        var ours = try await SnapshotReader(reading, pool: house.pool)
                        // Its own row gives `late` the lower transaction number of the two.
                        try await late.run("BEGIN; UPDATE thing SET version = 1 WHERE key = 'own'")
                        try await early.run("BEGIN; UPDATE thing SET version = 1 WHERE key = 'shared'")
                        let pid = try await late.query(PostgresStatement.once("SELECT pg_backend_pid()")())
                        let waits = "pg_locks WHERE NOT granted AND pid = \(try pid[0].int32(0))"
                        let waiting = Task {
                            try await late.run("UPDATE thing SET version = 2 WHERE key = 'shared'")
                        }
                        try await eventually("the later one waits for the row") {
                            try await house.number("SELECT count(*) FROM \(waits)") > 0
                        }
                        try await early.run("\(event("shared", 1)) COMMIT")
                        try await waiting.value
                        var rightly = try await ours.read()
                        try await late.run("\(event("shared", 2)) COMMIT")
                        rightly += try await ours.read()
                        var naively: [SeenEvent] = []
                        try await eventually("no older transaction runs anywhere in the cluster") {
                            naively += try await naive.read()
                            return naively.count == 2
                        }
                        #expect(naively.map(\.version) == [2, 1], "told in the wrong order")
                        #expect(rightly.map(\.version) == [1, 2])
                    }
                }
            }
        }
    }

    @Test func `a long transaction in another database stalls the reader under xmin, and not ours`()
        async throws
    {
        try await MessagingHouse.with { house in
            try await PostgresServer.fromEnvironment().withDatabase { other in
                var patient = other
                patient.idleInTransactionTimeout = .seconds(60)
                let long = try await PostgresConnection.connect(patient, logger: house.log.logger)
                try await house.withConnection { reading in
                    var naive = TransactionReader(connection: reading)
                    var ours = try await SnapshotReader(reading, pool: house.pool)
                    try await long.run("BEGIN; CREATE TABLE written (number bigint)")
                    for version in Int64(1)...3 {
                        try await house.write(versions: version...version)
                        #expect(try await ours.read().map(\.version) == [version])
                        #expect(try await naive.read() == [])
                    }
                    try await long.run("COMMIT")
                    var late = 0
                    try await eventually("the reader under xmin goes on") {
                        late += try await naive.read().count
                        return late == 3
                    }
                }
                await long.close()
            }
        }
    }

    /// Many writers, each with several keys in a transaction, that sleep with the rows locked: none of what they write
    /// may be missing, come twice, or come before what was written earlier about its key.
    @Test(arguments: [UInt64(1), 2])
    func `snapshots lose nothing and keep each key's order under many writers`(seed: UInt64) async throws {
        let (writers, rounds, keys) = (6, 25, (0..<5).map { "key\($0)" })
        try await MessagingHouse.with { house in
            try await house.run("INSERT INTO thing SELECT 'key' || n FROM generate_series(0, 4) AS n")
            try await house.withConnection { reading in
                var reader = try await SnapshotReader(reading, pool: house.pool, limit: 7)
                let ended = StopFlag()
                async let writing: Void = {
                    defer { ended.set() }
                    try await withThrowingTaskGroup(of: Void.self) { tasks in
                        for writer in 0..<writers {
                            tasks.addTask {
                                var random = SeededGenerator(seed: seed &* 1000 &+ UInt64(writer))
                                for _ in 0..<rounds {
                                    let chosen = keys.filter { _ in Bool.random(using: &random) }
                                    let pauses = (0..<2).map { _ in Int.random(in: 0...4, using: &random) }
                                    try await house.advance(chosen, pauses: pauses)
                                }
                            }
                        }
                        try await tasks.waitForAll()
                    }
                }()
                var seen: [SeenEvent] = []
                while !ended.isSet { seen += try await reader.read() }
                try await writing
                seen += try await reader.read()
                #expect(seen.count == Int(try await house.number("SELECT count(*) FROM outbox")))
                for key in keys {
                    let versions = seen.filter { $0.key == key }.map(\.version)
                    let last = try await house.number("SELECT version FROM thing WHERE key = '\(key)'")
                    #expect(versions == Array(1...last))
                }
            }
        }
    }
}

extension MessagingHouse {
    /// Raises the version of each of these rows and writes the events, as a handler does: lock the rows in the order of
    /// their keys, change them, then say so.
    ///
    /// - Parameter pauses: milliseconds to sleep, before the locks with a transaction number already drawn, and with
    ///   the rows locked and the events written.
    func advance(_ keys: [String], pauses: [Int]) async throws {
        try await pool.transaction { transaction in
            transaction.enqueue(
                PostgresStatement.once("SELECT pg_current_xact_id(), pg_sleep($1::bigint / 1000.0)")(
                    Int64(pauses[0])))
            let versions = try await transaction.query(
                PostgresStatement(
                    "thing.lock",
                    "SELECT key, version + 1 FROM thing WHERE key = ANY ($1) ORDER BY key FOR NO KEY UPDATE"
                )(keys))
            transaction.enqueue(
                PostgresStatement(
                    "thing.advance", "UPDATE thing SET version = version + 1 WHERE key = ANY ($1)")(keys))
            Outbox.append(
                try versions.map { try OutgoingEvent.some(try $0.string(0), version: try $0.int64(1)) },
                to: transaction)
            transaction.enqueue(
                PostgresStatement.once("SELECT pg_sleep($1::bigint / 1000.0)")(Int64(pauses[1])))
        }
    }
}
