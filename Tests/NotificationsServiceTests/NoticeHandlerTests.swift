import Contracts
import Curl
import Kernel
import Messaging
import NotificationsDomain
import Postgres
import TestSupport
import Testing

@testable import NotificationsService

@Suite("Messages in Postgres")
struct NoticeHandlerTests {
    @Test func `without a mail server a stored message is a sent one`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id), .heard(.confirmed, about: id)])
            #expect(
                try await notifications.messages(about: id) == [
                    "order_received sent 0", "order_confirmed sent 0",
                ])
            let said = try await notifications.said()
            #expect(said.count == 2)
            #expect(said[1].contains(#""kind":"order_confirmed""#))
        }
    }

    @Test func `a customer is told each thing once, however often it is heard`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            let twice = [IncomingEvent.heard(.created, about: id), .heard(.created, about: id)]
            try await notifications.handle(twice)
            let again = try await notifications.handle(twice)
            #expect(again.events.isEmpty)
            #expect(try await notifications.messages(about: id) == ["order_received sent 0"])
            #expect(try await notifications.said().count == 1)
        }
    }

    @Test func `an order both confirmed and cancelled is an alarm, and the customer hears the first alone`()
        async throws
    {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            let handled = try await notifications.handle([
                .heard(.confirmed, about: id), .heard(.cancelled(reason: .deadline), about: id),
            ])
            #expect(handled.alarms.count == 1)
            #expect(try await notifications.messages(about: id) == ["order_confirmed sent 0"])
        }
    }

    @Test func `who loses a race for a message tells nothing twice`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id)])
            let message = NewMessage(
                orderID: id, customerID: "alice", email: nil, notice: Notice(kind: .received, text: "again"),
                version: 1, byMail: false)
            let lost = await #expect(throws: PostgresError.self) {
                try await notifications.pool.transaction { transaction in
                    MessageStore.insert([message], at: .now(), in: transaction)
                }
            }
            #expect(lost?.sqlState == .uniqueViolation)
        }
    }

    @Test func `two who hear of one order at once count its messages one after the other`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            let isThrough = StopFlag()
            let second = try await notifications.pool.transaction { transaction in
                let heard = IncomingEvent.heard(.created, about: id)
                _ = try await NoticeCommandHandler(mails: nil, logger: notifications.log.logger)
                    .handle([Incoming(event: .about(id), message: heard)], in: transaction)
                let me = try await transaction.query(PostgresStatement.once("SELECT pg_backend_pid()")())
                let pid = try me[0].int32(0)
                let second = Task {
                    defer { isThrough.set() }
                    try await notifications.handle([.heard(.confirmed, about: id)])
                }
                let waiting = PostgresStatement.once(
                    "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))")
                try await eventually("the second is through, or waits for the first") {
                    let blocked = try await notifications.pool.query(waiting(pid))[0].int64(0)
                    return isThrough.isSet || blocked > 0
                }
                return second
            }
            try await second.value
            let versions = PostgresStatement.once(
                "SELECT version FROM message WHERE order_id = $1 ORDER BY 1")
            #expect(try await notifications.pool.query(versions(id)).map { try $0.int64(0) } == [1, 2])
        }
    }

    @Test func `the log has neither the address nor the text`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id)])
            try await notifications.handle([.heard(.confirmed, about: id)], byMail: true)
            notifications.mailServer.answer(.refused(code: 421))
            _ = try await notifications.mails.sendDue(at: .now())
            let lines = notifications.log.lines.flatMap { [$0.message] + $0.metadata.values }
            #expect(lines.contains("order_received"))
            #expect(!lines.contains { $0.contains("alice") || $0.contains("49.98") })
        }
    }
}
