import Curl
import Kernel
import Messaging
import NotificationsDomain
import Postgres
import TestSupport
import Testing

@testable import NotificationsService

@Suite("The rules of notifications")
struct NotificationRulesTests {
    private static let rules = messagingRules + notificationRules

    static let breaches = [
        Breach(
            "S6", "a customer hears of one end",
            """
            INSERT INTO message (order_id, kind, customer_id, text, status, version, created_at)
            VALUES ('TOLD', 'order_cancelled', 'alice', '', 'sent', 3, now())
            """),
        Breach(
            "S6", "a customer hears of one end",
            "DELETE FROM message WHERE order_id = 'TOLD' AND kind = 'order_received'"),
        Breach("S6", "what a customer was told", "DELETE FROM outbox WHERE key = 'TOLD'"),
        Breach(
            "S6", "no mail is overdue",
            "UPDATE message SET next_attempt_at = now() - interval '16 minutes' WHERE order_id = 'WAITING'"),
    ]

    @Test func `every rule is tried`() {
        #expect(Breach.untried(notificationRules, by: Self.breaches) == [])
    }

    @Test func `a mail that waits for an earlier one which is put off is not overdue`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle(
                [.heard(.created, about: id), .heard(.confirmed, about: id)], byMail: true)
            let sql = "UPDATE message SET next_attempt_at = next_attempt_at - interval '16 minutes'"
            try await notifications.pool.query(PostgresStatement.once(sql)())
            notifications.mailServer.answer(.timedOut)
            #expect(try await notifications.mails.sendDue(at: .now()) == 1)
            #expect(try await notifications.pool.configuration.violations(of: Self.rules) == [])
        }
    }

    @Test(arguments: breaches) func `what was tampered with is noticed`(_ breach: Breach) async throws {
        try await NotificationsUnderTest.run { notifications in
            let (told, mailed, waiting) = (Identifier.fresh(), Identifier.fresh(), Identifier.fresh())
            try await notifications.handle([
                .heard(.created, about: told), .heard(.confirmed, about: told),
            ])
            try await notifications.handle([.heard(.created, about: mailed)], byMail: true)
            #expect(try await notifications.mails.sendDue(at: .now()) == 1)
            try await notifications.handle([.heard(.created, about: waiting)], byMail: true)
            let database = notifications.pool.configuration
            #expect(try await database.violations(of: Self.rules) == [])
            let found = try await database.violations(
                of: Self.rules, after: breach, replacing: ["TOLD": "\(told)", "WAITING": "\(waiting)"])
            #expect(found.name(breach), "\(found)")
        }
    }
}
