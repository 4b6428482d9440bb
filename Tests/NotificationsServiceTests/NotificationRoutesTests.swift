import HTTP
import Kernel
import NotificationsDomain
import TestSupport
import Testing

@testable import NotificationsService

@Suite("Notifications over HTTP")
struct NotificationRoutesTests {
    @Test func `an order's messages are listed oldest first`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let id = Identifier.fresh()
            try await notifications.handle([.heard(.created, about: id), .heard(.confirmed, about: id)])
            try await notifications.handle([.heard(.created, about: .fresh())])
            let answer = await notifications.get((name: "orderId", value: "\(id)"))
            #expect(answer.status == 200)
            let text = String(decoding: answer.body, as: UTF8.self)
            let kinds = text.matches(of: /"kind":"([a-z_]+)"/).map { String($0.1) }
            #expect(kinds == ["order_received", "order_confirmed"])
            for field in ["orderId", "customerId", "text", "createdAt", "sentAt"] {
                #expect(text.contains("\"\(field)\":\""))
            }
            #expect(!text.contains("alice@example.org"))
        }
    }

    @Test func `an order nobody was told of has an empty list`() async throws {
        try await NotificationsUnderTest.run { notifications in
            let answer = await notifications.get((name: "orderId", value: "\(Identifier.fresh())"))
            #expect(answer.status == 200)
            #expect(String(decoding: answer.body, as: UTF8.self) == #"{"notifications":[]}"# + "\n")
        }
    }

    @Test func `without an order, or with half of one, the answer is a problem`() async throws {
        try await NotificationsUnderTest.run { notifications in
            for answer in [
                await notifications.get(), await notifications.get((name: "orderId", value: "9f3c")),
            ] {
                #expect(answer.status == 400)
                #expect(answer.headers["Content-Type"] == "application/problem+json")
            }
        }
    }
}
