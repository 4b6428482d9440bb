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
