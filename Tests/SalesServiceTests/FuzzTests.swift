import Contracts
import Kernel
import Messaging
import SalesDomain
import TestSupport
import Testing

@testable import SalesService

@Suite("Records that no service sent to sales", .timeLimit(.minutes(2)))
struct FuzzTests {
    @Test func `each is something to decide on, or an error that says why not`() throws {
        let topics = Topic.consumed(by: "sales").map(\.name)
        var counts = (heard: 0, refused: 0)
        for record in try MutatedRecords.make(of: topics, count: 2000, seed: 6) {
            do throws(ContractError) {
                let heard = try IncomingEvent.decode(record)
                let decision = SaleDecider.decide(.none, heard.message.message(at: heard.event.time))
                _ = SalesChange.sums(of: decision.effects)
                counts.heard += 1
            } catch {
                #expect(!error.description.isEmpty)
                counts.refused += 1
            }
        }
        #expect(counts.heard > 500 && counts.refused > 500, "both must have been met: \(counts)")
    }
}
