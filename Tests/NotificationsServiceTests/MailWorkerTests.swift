import Curl
import Kernel
import Messaging
import NotificationsDomain
import TestSupport
import Testing

@testable import NotificationsService

@Suite("Sending mails")
struct MailWorkerTests {
    @Test func `a message with an address waits for the mail server, and is said to be sent after that`()
        async throws
    {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id)], byMail: true)
            #expect(try await notifications.messages(about: id) == ["order_received pending 0"])
            #expect(try await notifications.said().isEmpty)
            #expect(try await notifications.mails.sendDue(at: .now()) == 1)
            #expect(try await notifications.messages(about: id) == ["order_received sent 1"])
            #expect(try await notifications.said().count == 1)
            let mail = try #require(notifications.mailServer.taken.first)
            #expect(mail.to == "alice@example.org")
            #expect(mail.from == "shop@example.org")
            #expect(mail.messageID == "\(id).order_received@example.org")
            #expect(try await notifications.mails.sendDue(at: .now()) == 0)
        }
    }

    @Test func `a customer without an address is told by the row alone`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id, email: nil)], byMail: true)
            #expect(try await notifications.messages(about: id) == ["order_received sent 0"])
            #expect(try await notifications.mails.sendDue(at: .now()) == 0)
        }
    }

    @Test func `a mail server that is away is asked again later, with the same Message-ID`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id)], byMail: true)
            notifications.mailServer.answer(.refused(code: 421))
            let start = Timestamp.now()
            #expect(try await notifications.mails.sendDue(at: start) == 1)
            #expect(try await notifications.mails.sendDue(at: start) == 0)
            notifications.mailServer.answer(nil)
            #expect(try await notifications.mails.sendDue(at: start.advanced(by: .seconds(2))) == 1)
            #expect(try await notifications.messages(about: id) == ["order_received sent 2"])
            #expect(notifications.mailServer.taken.map(\.messageID) == ["\(id).order_received@example.org"])
        }
    }

    @Test func `a mail to no address is given up and not said to be sent`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id)], byMail: true)
            notifications.mailServer.answer(.invalid("a mail address"))
            _ = try await notifications.mails.sendDue(at: .now())
            #expect(try await notifications.messages(about: id) == ["order_received refused 1"])
            #expect(try await notifications.said().isEmpty)
            #expect(notifications.log.lines.contains { $0.message == "mail given up" })
        }
    }

    @Test func `a server that was away for long may still say never for an hour`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id)], byMail: true)
            var time = Timestamp.now()
            func attempts(_ count: Int, answered answer: CurlError) async throws -> [String] {
                notifications.mailServer.answer(answer)
                for _ in 0..<count {
                    time = time.advanced(by: MailWorker.waitMax)
                    #expect(try await notifications.mails.sendDue(at: time) == 1)
                }
                return try await notifications.messages(about: id)
            }
            let away = MailWorker.refusalsMax + 5
            #expect(try await attempts(away, answered: .timedOut) == ["order_received pending 25"])
            let never = CurlError.refused(code: 535)
            let last = MailWorker.refusalsMax - 1
            #expect(try await attempts(last, answered: never) == ["order_received pending 44"])
            #expect(try await attempts(1, answered: never) == ["order_received refused 45"])
        }
    }

    @Test func `a customer hears things in the order they happened`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle(
                [.heard(.confirmed, about: id), .heard(.created, about: id)], byMail: true)
            let now = Timestamp.now()
            #expect(try await notifications.mails.sendDue(at: now) == 1)
            #expect(try await notifications.mails.sendDue(at: now) == 1)
            #expect(
                notifications.mailServer.taken.map(\.subject) == [
                    "We have your order", "Your order is confirmed",
                ])
        }
    }

    @Test func `what a crash left leased is sent by the next one once the lease is over`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id)], byMail: true)
            let crash = Timestamp.now()
            let leased = try await MailStore.lease(
                at: crash, limit: 8, until: crash.advanced(by: MailWorker.lease), in: notifications.pool)
            #expect(leased.count == 1)
            #expect(try await notifications.mails.sendDue(at: crash) == 0)
            let later = crash.advanced(by: MailWorker.lease)
            #expect(try await notifications.mails.sendDue(at: later) == 1)
            #expect(try await notifications.messages(about: id) == ["order_received sent 2"])
        }
    }

    @Test func `two workers never send the same mail`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let ids = (0..<40).map { _ in Identifier.fresh() }
            try await notifications.handle(ids.map { .heard(.created, about: $0) }, byMail: true)
            let now = Timestamp.now()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 {
                    group.addTask { while try await notifications.mails.sendDue(at: now) > 0 {} }
                }
                try await group.waitForAll()
            }
            #expect(notifications.mailServer.taken.count == 40)
            #expect(Set(notifications.mailServer.taken.map(\.messageID)).count == 40)
            #expect(try await notifications.said().count == 40)
        }
    }

    @Test func `a running worker sends what a batch wakes it for, and ends when told to`() async throws {
        try await NotificationsUnderTest.run { notifications in
            async let running: Void = notifications.mails.run()
            try await notifications.handle([.heard(.created, about: .fresh())], byMail: true)
            try await eventually("the mail is sent") { try await notifications.said().count == 1 }
            notifications.mails.close()
            await running
        }
    }

    @Test func `a server that says never is believed after a while, one that is away is not`() {
        let last = MailWorker.refusalsMax
        #expect(!MailWorker.isFinal(.refused(code: 535), refusals: last - 1))
        #expect(MailWorker.isFinal(.refused(code: 550), refusals: last))
        #expect(!MailWorker.isFinal(.refused(code: 421), refusals: last))
        #expect(!MailWorker.isFinal(.unreachable("nobody"), refusals: 1000))
        #expect(!MailWorker.isFinal(.cancelled, refusals: 1000))
    }

    @Test func `waits between attempts double up to five minutes`() {
        #expect(
            (1...4).map { MailWorker.wait(after: $0) } == [
                .seconds(1), .seconds(2), .seconds(4), .seconds(8),
            ])
        #expect(MailWorker.wait(after: 1000) == .seconds(300))
    }
}
