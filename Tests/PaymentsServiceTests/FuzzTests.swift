import Contracts
import Messaging
import PaymentsDomain
import TestSupport
import Testing

@testable import PaymentsService

@Suite("Records that no service sent to payments", .timeLimit(.minutes(2)))
struct FuzzTests {
    @Test func `each is something to decide on, or an error that says why not`() throws {
        let topics = Topic.consumed(by: "payments").map(\.name)
        var counts = (heard: 0, refused: 0)
        for record in try MutatedRecords.make(of: topics, count: 2000, seed: 5) {
            do throws(ContractError) {
                let heard = try IncomingEvent.decode(record).message
                _ = PaymentDecider.decide(.none, heard.message)
                counts.heard += 1
            } catch {
                #expect(!error.description.isEmpty)
                counts.refused += 1
            }
        }
        #expect(counts.heard > 500 && counts.refused > 500, "both must have been met: \(counts)")
    }
}
