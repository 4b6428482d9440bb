import Contracts
import Messaging
import NotificationsDomain
import TestSupport
import Testing

@testable import NotificationsService

@Suite("Records that no service sent to notifications", .timeLimit(.minutes(2)))
struct FuzzTests {
    @Test func `each is something to decide on, or an error that says why not`() throws {
        let topics = Topic.consumed(by: "notifications").map(\.name)
        var counts = (heard: 0, refused: 0)
        for record in try MutatedRecords.make(of: topics, count: 2000, seed: 5) {
            do throws(ContractError) {
                let heard = try IncomingEvent.decode(record).message
                _ = NoticeDecider.decide([], heard.message, order: heard.orderID)
                counts.heard += 1
            } catch {
                #expect(!error.description.isEmpty)
                counts.refused += 1
            }
        }
        #expect(counts.heard > 500 && counts.refused > 500, "both must have been met: \(counts)")
    }
}
