import Contracts
import Kernel
import Postgres
import TestSupport
import Testing

@testable import Messaging

@Suite("Reading the outbox")
struct OutboxStoreTests {
    private func with(
        _ body: (MessagingHouse, OutboxStore, PostgresConnection) async throws -> Void
    ) async throws {
        try await MessagingHouse.with { house in
            let cluster = KafkaCluster(id: "cluster")
            try await cluster.admit(policy: .stop, pool: house.pool)
            try await house.withConnection { connection in
                let store = OutboxStore(connection: connection, clusterID: cluster.id)
                try await body(house, store, connection)
            }
        }
    }

    @Test func `a window larger than a page is read page by page, and nothing later gets in`() async throws {
        try await with { house, store, _ in
            var cursor = try #require(try await store.takeCursor())
            try await house.write(versions: 1...10)
            var pages: [[Int64]] = []
            while true {
                let (rows, until) = try await store.read(after: cursor, limit: 4)
                guard let end = until, let last = rows.last else { break }
                pages.append(rows.map(\.event.version))
                cursor.until = end
                cursor.seq = last.seq
                try await house.write("later", versions: 1...1)
            }
            #expect(pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]])
            let end = try #require(cursor.until)
            let (rows, _) = try await store.move(&cursor, to: end, limit: 100)
            #expect(rows.map(\.event.subject) == ["later", "later", "later"])
        }
    }

    @Test func `what is read is what was written`() async throws {
        try await with { house, store, _ in
            let cause = Identifier.fresh()
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            let key = Identifier.fresh().description
            let cursor = try #require(try await store.takeCursor())
            let because = CloudEvent(
                id: cause, type: "orders.created", time: .now(), subject: key, correlationID: nil,
                causationID: nil, traceparent: trace, version: 1)
            let event = try OutgoingEvent(Something(name: key), version: 7, cause: because, at: .now())
            try await house.pool.transaction { Outbox.append([event], to: $0) }
            let row = try #require(try await store.read(after: cursor, limit: 10).rows.first)
            let expected = CloudEvent(
                id: event.id, type: "orders.cancelled", time: event.time, subject: key,
                correlationID: Identifier(key), causationID: cause, traceparent: trace, version: 7)
            #expect(row.event == expected)
            #expect(String(decoding: row.payload, as: UTF8.self) == #"{"name":"\#(key)"}"#)
        }
    }

    @Test func `a window may hold several ticks, or what there is of them`() async throws {
        try await with { house, store, _ in
            let cursor = try #require(try await store.takeCursor())
            for second in 1...3 {
                try await house.write("key\(second)", versions: 1...1)
                try await house.run(
                    "INSERT INTO outbox_tick VALUES (now() + interval '\(second) s', pg_current_snapshot())")
            }
            for (number, keys) in [(1, 1), (2, 2), (3, 3), (8, 3)] {
                var cursor = cursor
                cursor.until = try await store.nextTick(after: cursor, number: Int64(number))
                let rows = try await store.read(after: cursor, limit: 100).rows
                #expect(rows.count == keys, "of \(number) ticks")
            }
        }
    }

    @Test func `the window of a relay that is behind grows and shrinks towards one batch`() {
        var catchUp = CatchUp()
        for _ in 1...3 {
            catchUp.sent(100)
            catchUp.endWindow(batch: 2000)
        }
        #expect(catchUp.ticks == 8)
        catchUp.sent(1500)
        catchUp.endWindow(batch: 2000)
        #expect(catchUp.ticks == 8)
        for _ in 1...2 { catchUp.sent(2000) }
        catchUp.endWindow(batch: 2000)
        #expect(catchUp.ticks == 4)
    }

    @Test func `a tick ends a window before what was written after it`() async throws {
        try await with { house, store, _ in
            var cursor = try #require(try await store.takeCursor())
            try await house.write("before", versions: 1...3)
            _ = try await house.pool.query(OutboxStore.tick())
            try await house.write("after", versions: 1...2)
            let tick = try #require(try await store.nextTick(after: cursor, number: 1))
            cursor.until = tick
            let (rows, until) = try await store.read(after: cursor, limit: 100)
            #expect(rows.map(\.event.subject) == ["before", "before", "before"])
            #expect(until == tick)
            let (rest, end) = try await store.move(&cursor, to: tick, limit: 100)
            #expect(rest.map(\.event.subject) == ["after", "after"])
            #expect(try await store.nextTick(after: cursor, number: 2) == nil)
            _ = try await store.move(&cursor, to: try #require(end), limit: 100)
            #expect(try await store.read(after: cursor, limit: 100).rows.isEmpty)
        }
    }

    @Test func `a cursor taken by another moves no more`() async throws {
        try await with { house, store, _ in
            try await house.write(versions: 1...2)
            var old = try #require(try await store.takeCursor())
            let end = try #require(try await store.read(after: old, limit: 10).until)
            var new = try #require(try await store.takeCursor())
            let before = try await house.strings("SELECT snapshot::text FROM outbox_cursor")
            await #expect(throws: DeposedError.self) { try await store.move(&old, to: end, limit: 10) }
            #expect(try await house.strings("SELECT snapshot::text FROM outbox_cursor") == before)
            #expect(try await store.holds(old) == false)
            var twin = new
            _ = try await store.move(&new, to: end, limit: 10)
            await #expect(throws: DeposedError.self, "the version is behind") {
                try await store.move(&twin, to: end, limit: 10)
            }
            #expect(try await store.holds(new))
        }
    }

    @Test func `rewound to the start, everything retained is read again`() async throws {
        try await with { house, store, connection in
            try await house.write(versions: 1...5)
            var cursor = try #require(try await store.takeCursor())
            let end = try #require(try await store.read(after: cursor, limit: 10).until)
            _ = try await store.move(&cursor, to: end, limit: 10)
            _ = try await Rewind.rewind(cluster: "cluster", to: nil, on: connection)
            await #expect(throws: DeposedError.self, "the running relay starts over") {
                try await store.move(&cursor, to: end, limit: 10)
            }
            let again = try #require(try await store.takeCursor())
            let versions = try await store.read(after: again, limit: 10).rows.map(\.event.version)
            #expect(versions == [1, 2, 3, 4, 5])
        }
    }

    @Test func `rewound to a tick, what was written after it is read again`() async throws {
        try await with { house, store, connection in
            func tick(_ time: String) async throws {
                try await house.run(
                    "INSERT INTO outbox_tick VALUES ('2026-01-01 00:00:\(time)Z', pg_current_snapshot())")
            }
            try await house.write(versions: 1...1)
            try await tick("10")
            try await house.write(versions: 2...2)
            try await tick("20")
            try await house.write(versions: 3...3)
            var published = try #require(try await store.takeCursor())
            let end = try #require(try await store.read(after: published, limit: 10).until)
            try await store.move(&published, to: end)
            for (time, expected) in [("20", [3]), ("19", [2, 3]), ("10", [2, 3]), ("09", [1, 2, 3])] {
                let moment = try #require(Timestamp("2026-01-01T00:00:\(time)Z"))
                _ = try await Rewind.rewind(cluster: "cluster", to: moment, on: connection)
                let cursor = try #require(try await store.takeCursor())
                let versions = try await store.read(after: cursor, limit: 10).rows.map(\.event.version)
                #expect(versions == expected.map(Int64.init), "at \(time)")
            }
        }
    }

    @Test func `a rewind passes over nothing that was never published`() async throws {
        try await with { house, store, connection in
            try await house.write(versions: 1...1)
            var cursor = try #require(try await store.takeCursor())
            let end = try #require(try await store.read(after: cursor, limit: 10).until)
            try await store.move(&cursor, to: end)
            try await house.write(versions: 2...2)
            _ = try await house.pool.query(OutboxStore.tick())
            let moment = Timestamp.now().advanced(by: .seconds(3600))
            _ = try await Rewind.rewind(cluster: "cluster", to: moment, on: connection)
            let rewound = try #require(try await store.takeCursor())
            let versions = try await store.read(after: rewound, limit: 10).rows.map(\.event.version)
            #expect(versions == [2])
        }
    }

    @Test func `of a database that was restored elsewhere everything is published again, and what is new`()
        async throws
    {
        try await with { house, store, connection in
            try await house.write(versions: 1...3)
            // As a dump brings it from a server that was further.
            try await house.run("UPDATE outbox SET xid = (900000000 - seq)::text::xid8")
            try await house.run("INSERT INTO outbox_tick VALUES (now(), '900000005:900000005:')")
            try await house.run("UPDATE outbox_cursor SET system_id = '1', snapshot = '900000005:900000005:'")
            try await house.run("INSERT INTO outbox_cursor VALUES ('another', '1', '7:7:', 0, 0)")
            let words = await #expect(throws: ClusterError.self) {
                try await KafkaCluster(id: "third").admit(policy: .rewind, pool: house.pool)
            }
            #expect("\(words, default: "")".contains("restored"))
            _ = try await Rewind.rewind(cluster: "cluster", to: nil, on: connection)
            try await house.write(versions: 4...4)
            var cursor = try #require(try await store.takeCursor())
            // What was restored is a window of its own, so that its end is a place to go on from.
            let end = try #require(try await store.nextTick(after: cursor, number: 10))
            cursor.until = end
            let restored = try await store.read(after: cursor, limit: 10).rows.map(\.event.version)
            #expect(restored == [1, 2, 3])
            try await store.move(&cursor, to: end)
            #expect(try await store.nextTick(after: cursor, number: 1) == nil)
            let written = try await store.read(after: cursor, limit: 10).rows.map(\.event.version)
            #expect(written == [4])
            try await KafkaCluster(id: "cluster").admit(policy: .stop, pool: house.pool)
        }
    }

    /// A tick's time is not before its snapshot: with that of the second's beginning, what was written within the second
    /// would be passed over.
    @Test func `rewound to a moment just before an event, that event is read again`() async throws {
        try await with { house, store, connection in
            try await house.write(versions: 1...1)
            let clock = PostgresStatement.once("SELECT clock_timestamp()")
            let moment = try await connection.query(clock())[0].timestamp(0)
            try await house.write(versions: 2...2)
            _ = try await house.pool.query(OutboxStore.tick())
            _ = try await Rewind.rewind(cluster: "cluster", to: moment, on: connection)
            let cursor = try #require(try await store.takeCursor())
            let versions = try await store.read(after: cursor, limit: 10).rows.map(\.event.version)
            #expect(versions.contains(2))
        }
    }

    @Test func `one connection leads at a time, and the next when it has ended`() async throws {
        try await with { house, _, first in
            try await house.withConnection { second in
                #expect(try await OutboxStore.becomeLeader(on: first))
                #expect(try await OutboxStore.becomeLeader(on: second) == false)
                await first.close()
                try await eventually("the lock is free") { try await OutboxStore.becomeLeader(on: second) }
            }
        }
    }
}
