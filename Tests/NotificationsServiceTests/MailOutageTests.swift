import Curl
import Kernel
import NotificationsDomain
import Postgres
import TestSupport
import Testing

@testable import Messaging
@testable import NotificationsService

/// What a mail server that is away for long leaves behind, and what that costs.
@Suite("An outage of the mail server")
struct MailOutageTests {
    /// What the planner knows of the table.
    enum Statistics: CaseIterable {
        case none, fromBeforeTheOutage, current
    }

    @Test(arguments: Statistics.allCases)
    func `what a mail costs doesn't depend on how many wait`(_ statistics: Statistics) async throws {
        try await NotificationsUnderTest.run { notifications in
            var database = notifications.pool.configuration.asOfService
            database.maxConnections = 1
            let pool = PostgresPool(configuration: database, logger: notifications.log.logger)
            func run(_ sql: String) async throws { try await pool.query(PostgresStatement.once(sql)()) }
            if statistics == .fromBeforeTheOutage {
                try await run(Self.mails("'sent'", orders: 10_000, due: "now()"))
                try await run("VACUUM ANALYZE message")
            }
            try await run(Self.mails("'pending'", orders: 100_000, due: "now() + interval '5 minutes'"))
            if statistics == .current { try await run("VACUUM ANALYZE message") }
            try await run(Self.mails("'pending'", orders: 1, due: "now() - interval '16 minutes'"))

            let now = Timestamp.now()
            let overdue = try #require(notificationRules.last)
            let looking = try await rowsRead(in: pool) { try await run(overdue.sql) }
            #expect(looking < 50)
            var leased: [PendingMail] = []
            func lease() async throws {
                leased = try await MailStore.lease(
                    at: now, limit: 4, until: now.advanced(by: .seconds(60)), in: pool)
            }
            let leasing = try await rowsRead(in: pool) { try await lease() }
            #expect(leasing < 50)
            #expect(leased.count == 1)
            let mail = try #require(leased.first)
            let ending = try await rowsRead(in: pool) {
                try await MailStore.postpone(mail, until: now, refusals: 0, in: pool)
                try await lease()
                _ = try await pool.transaction { try await MailStore.markSent(mail, at: now, in: $0) }
                try await lease()
                for mail in leased { try await MailStore.refuse(mail, at: now, in: pool) }
                try await lease()
            }
            #expect(ending < 100)
            #expect(leased.isEmpty)
            await pool.close()
        }
    }

    @Test func `no mail is ever due that has to wait for another`() async throws {
        try await NotificationsUnderTest.run { notifications in
            var ids: [Identifier] = []
            var ended: Set<Identifier> = []
            var time = Timestamp.now()
            notifications.mailServer.answer(.unreachable("nobody"))
            for step in 0..<24 {
                // An order's end is heard with its beginning, after one attempt at that mail, or after many.
                ids.append(.fresh())
                var heard = [IncomingEvent.heard(.created, about: ids[step])]
                for (age, place) in [(0, 0), (1, 1), (8, 2)] where step >= age && (step - age) % 3 == place {
                    heard.append(.heard(.confirmed, about: ids[step - age]))
                    ended.insert(ids[step - age])
                }
                try await notifications.handle(heard, byMail: true)
                while try await notifications.mails.sendDue(at: time) > 0 {}
                #expect(try await notifications.dueButBlocked(at: time) == 0, "step \(step)")
                time = time.advanced(by: .seconds(1 << (step % 9)))
                while try await notifications.mails.sendDue(at: time) > 0 {}
                #expect(try await notifications.dueButBlocked(at: time) == 0, "step \(step)")
            }
            notifications.mailServer.answer(nil)
            time = time.advanced(by: MailWorker.waitMax)
            while try await notifications.mails.sendDue(at: time) > 0 {}
            let taken = notifications.mailServer.taken.map(\.messageID)
            for id in ids {
                let kinds = taken.filter { $0.hasPrefix("\(id)") }.map { $0.dropFirst("\(id).".count) }
                let last = ended.contains(id) ? ["order_confirmed@example.org"] : []
                #expect(kinds.map(String.init) == ["order_received@example.org"] + last)
            }
        }
    }

    @Test func `what is written while an earlier mail is on its way follows it at once`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let (taken, refused) = (Identifier.fresh(), Identifier.fresh())
            let ids = [taken, refused]
            try await notifications.handle(ids.map { .heard(.created, about: $0) }, byMail: true)
            let now = Timestamp.now()
            let mails = try await MailStore.lease(
                at: now, limit: 4, until: now.advanced(by: MailWorker.lease), in: notifications.pool)
            try await notifications.handle(ids.map { .heard(.confirmed, about: $0) }, byMail: true)
            for mail in mails where mail.orderID == refused {
                try await MailStore.refuse(mail, at: .now(), in: notifications.pool)
            }
            for mail in mails where mail.orderID == taken {
                let isFirst = try await notifications.pool.transaction {
                    try await MailStore.markSent(mail, at: .now(), in: $0)
                }
                #expect(isFirst)
            }
            #expect(try await notifications.mails.sendDue(at: .now()) == 2)
            #expect(
                try await notifications.messages(about: refused) == [
                    "order_received refused 1", "order_confirmed sent 1",
                ])
        }
    }

    @Test func `what isn't committed yet when an earlier mail is put off is put off too`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id)], byMail: true)
            let now = Timestamp.now()
            let mails = try await MailStore.lease(
                at: now, limit: 4, until: now.advanced(by: .seconds(1)), in: notifications.pool)
            let mail = try #require(mails.first)
            let isThrough = StopFlag()
            let postponing = try await notifications.pool.transaction { transaction in
                _ = try await NoticeCommandHandler(
                    mails: notifications.mails, logger: notifications.log.logger
                ).handle(
                    [Incoming(event: .about(id), message: .heard(.confirmed, about: id))], in: transaction)
                let pid = try await transaction.query(PostgresStatement.once("SELECT pg_backend_pid()")())[0]
                    .int32(0)
                let postponing = Task {
                    defer { isThrough.set() }
                    try await MailStore.postpone(
                        mail, until: now.advanced(by: MailWorker.waitMax), refusals: 0, in: notifications.pool
                    )
                }
                let waiting = PostgresStatement.once(
                    "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))")
                try await eventually("it is put off, or that waits for what is written") {
                    let blocked = try await notifications.pool.query(waiting(pid))[0].int64(0)
                    return isThrough.isSet || blocked > 0
                }
                return postponing
            }
            try await postponing.value
            #expect(try await notifications.dueButBlocked(at: now.advanced(by: .seconds(60))) == 0)
        }
    }

    @Test func `what waited in a backlog before waits in line after the migration`() async throws {
        try await PostgresServer.fromEnvironment().withSchema { database in
            let log = RecordedLog()
            try await database.migrate(notificationMigrations.filter { $0.number < 11 })
            let pool = PostgresPool(configuration: database, logger: log.logger)
            func run(_ sql: String) async throws -> PostgresResult {
                try await pool.query(PostgresStatement.once(sql)())
            }
            _ = try await run(
                Self.mails(
                    "'pending'", orders: 10,
                    due: "now() + CASE version WHEN 1 THEN interval '5 minutes' ELSE '-1 minute' END"))
            try await database.migrate(notificationMigrations)
            #expect(try await run("SELECT FROM message WHERE next_attempt_at < now()").rowCount == 0)
            await pool.close()
        }
    }

    /// Writes two mails for each of so many orders.
    private static func mails(_ status: String, orders: Int, due: String) -> String {
        """
        INSERT INTO message (order_id, kind, customer_id, email, text, status, version, next_attempt_at, created_at)
        SELECT id, kind, 'alice', 'alice@example.org', '', \(status), version, \(due), now()
        FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, \(orders))) AS made,
            (VALUES ('order_received', 1), ('order_confirmed', 2)) AS told (kind, version)
        """
    }

    /// How many rows of `message` are read in `body`, by the one connection of `pool`.
    private func rowsRead(in pool: PostgresPool, _ body: () async throws -> Void) async throws -> Int64 {
        func soFar() async throws -> Int64 {
            try await pool.query(PostgresStatement.once("SELECT pg_stat_force_next_flush()")())
            return try await pool.query(
                PostgresStatement.once(
                    """
                    SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables
                    WHERE relid = 'message'::regclass
                    """)())[0].int64(0)
        }
        let before = try await soFar()
        try await body()
        return try await soFar() - before
    }
}

extension NotificationsUnderTest {
    /// How many mails each lease at `time` would walk over.
    fileprivate func dueButBlocked(at time: Timestamp) async throws -> Int64 {
        let sql = """
            SELECT count(*) FROM message AS late WHERE status = 'pending' AND next_attempt_at <= $1 AND EXISTS (
                SELECT FROM message AS earlier WHERE earlier.order_id = late.order_id
                    AND earlier.status = 'pending' AND earlier.version < late.version)
            """
        return try await pool.query(PostgresStatement.once(sql)(time))[0].int64(0)
    }
}
