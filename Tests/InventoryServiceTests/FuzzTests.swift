import Contracts
import InventoryDomain
import Kernel
import Messaging
import TestSupport
import Testing

@testable import InventoryService

@Suite("Records that no service sent to inventory", .timeLimit(.minutes(2)))
struct FuzzTests {
    @Test func `each is something to decide on, or an error that says why not`() throws {
        let topics = Topic.consumed(by: "inventory").map(\.name)
        var counts = (heard: 0, refused: 0)
        for record in try MutatedRecords.make(of: topics, count: 2000, seed: 5) {
            do throws(ContractError) {
                let heard = try IncomingEvent.decode(record).message
                let message = heard.message
                let stock = StockBook(["mug-blue": StockLevel(available: 5)])
                let decision = ReservationDecider.decide(.none, message, stock: stock)
                var book = stock
                book.apply(decision.effects)
                #expect(book.changes.allSatisfy { -$0.available == $0.reserved && $0.reserved <= 5 })
                counts.heard += 1
            } catch {
                #expect(!error.description.isEmpty)
                counts.refused += 1
            }
        }
        #expect(counts.heard > 500 && counts.refused > 500, "both must have been met: \(counts)")
    }
}
