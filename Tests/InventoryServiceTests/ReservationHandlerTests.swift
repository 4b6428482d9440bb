import Contracts
import Kernel
import Messaging
import Postgres
import TestSupport
import Testing

@testable import InventoryService

@Suite("Reservations in Postgres")
struct ReservationHandlerTests {
    @Test func `an order that can be held takes its stock and hands total and token on to payments`()
        async throws
    {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            try await inventory.list("cup", available: 2)
            let id = Identifier.fresh()
            try await inventory.handle(.order(id, ("tea", 3), ("cup", 2)))
            #expect(try await inventory.levels("tea") == [7, 3, 0])
            #expect(try await inventory.levels("cup") == [0, 2, 0])
            #expect(try await inventory.reservation(id) == "held 1")
            let said = try await inventory.said(.inventoryReserved)
            #expect(said.map(\.key) == [id.description])
            #expect(said.map(\.version) == [1])
            #expect(said[0].payload.contains(#""amount":4998"#))
            #expect(said[0].payload.contains("tok_visa"))
        }
    }

    @Test func `an order that falls short in one line holds none and names what fell short`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            let id = Identifier.fresh()
            try await inventory.handle(.order(id, ("tea", 3), ("unicorn", 1)))
            #expect(try await inventory.levels("tea") == [10, 0, 0])
            #expect(try await inventory.reservation(id) == "rejected 1")
            let said = try await inventory.said(.inventoryRejected)
            #expect(said.count == 1)
            #expect(said[0].payload.contains(#"["unicorn"]"#))
        }
    }

    @Test func `the last one goes to the first order of a batch`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("teapot", available: 1)
            let (first, second) = (Identifier.fresh(), Identifier.fresh())
            try await inventory.handle(.order(first, ("teapot", 1)), .order(second, ("teapot", 1)))
            #expect(try await inventory.reservation(first) == "held 1")
            #expect(try await inventory.reservation(second) == "rejected 1")
            #expect(try await inventory.levels("teapot") == [0, 1, 0])
        }
    }

    @Test func `what an order gives back can be held by the next one of the same batch`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("teapot", available: 1)
            let (first, second) = (Identifier.fresh(), Identifier.fresh())
            try await inventory.handle(.order(first, ("teapot", 1)))
            try await inventory.handle(.declined(first), .order(second, ("teapot", 1)))
            #expect(try await inventory.reservation(first) == "released 2")
            #expect(try await inventory.reservation(second) == "held 1")
            #expect(try await inventory.levels("teapot") == [0, 1, 0])
            #expect(try await inventory.said(.inventoryReleased).map(\.version) == [2])
        }
    }

    @Test func `a confirmed order sells its stock and says nothing`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            let id = Identifier.fresh()
            try await inventory.handle(.order(id, ("tea", 4)))
            let handled = try await inventory.handle(.confirmed(id))
            #expect(handled.events.isEmpty)
            #expect(try await inventory.levels("tea") == [6, 0, 4])
            #expect(try await inventory.reservation(id) == "sold 2")
        }
    }

    @Test func `a cancellation that overtakes its order leaves nothing to hold`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            let id = Identifier.fresh()
            try await inventory.handle(.cancelling(id))
            try await inventory.handle(.order(id, ("tea", 4)))
            #expect(try await inventory.reservation(id) == "released 1")
            #expect(try await inventory.levels("tea") == [10, 0, 0])
            #expect(try await inventory.said(.inventoryReleased).count == 1)
            #expect(try await inventory.said(.inventoryReserved).isEmpty)
        }
    }

    @Test func `an order that is made and cancelled in one batch leaves the stock alone`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            let id = Identifier.fresh()
            try await inventory.handle(.order(id, ("tea", 4)), .cancelling(id))
            #expect(try await inventory.reservation(id) == "released 2")
            #expect(try await inventory.levels("tea") == [10, 0, 0])
        }
    }

    @Test func `hearing everything twice changes nothing the second time`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            let (sold, released) = (Identifier.fresh(), Identifier.fresh())
            let batch: [IncomingEvent] = [
                .order(sold, ("tea", 1)), .order(released, ("tea", 2)), .confirmed(sold), .declined(released),
            ]
            try await inventory.handle(batch)
            let again = try await inventory.handle(batch)
            #expect(again.events.isEmpty)
            #expect(again.alarms.isEmpty)
            #expect(try await inventory.levels("tea") == [9, 0, 1])
            #expect(try await inventory.reservation(sold) == "sold 2")
        }
    }

    @Test func `a payment declined for an order never heard of is an alarm and no row`() async throws {
        try await InventoryUnderTest.run { inventory in
            let id = Identifier.fresh()
            let handled = try await inventory.handle(.declined(id))
            #expect(handled.alarms.count == 1)
            #expect(try await inventory.reservation(id) == nil)
        }
    }

    @Test func `a SKU of any text is rejected, not run`() async throws {
        try await InventoryUnderTest.run { inventory in
            let id = Identifier.fresh()
            try await inventory.handle(.order(id, (#"a","b\"} DROP TABLE product; --"#, 1)))
            #expect(try await inventory.reservation(id) == "rejected 1")
        }
    }

    @Test func `lines of any text come back from their array as they went in`() async throws {
        try await InventoryUnderTest.run { inventory in
            let texts = [
                "", "NULL", #"a"b"#, #"a\b"#, "a,b{c}", "dot.dash-under_score", "née 茶", "a\"\u{301},b",
            ]
            let sql = PostgresStatement.once("SELECT $1::text::text[]")
            let row = try #require(
                try await inventory.pool.query(sql(ReservationStore.arrayLiteral(texts))).first)
            #expect(try row.stringArray(0) == texts)
        }
    }

    @Test func `who loses a race for a new order holds nothing`() async throws {
        try await InventoryUnderTest.run { inventory in
            try await inventory.list("tea", available: 10)
            let id = Identifier.fresh()
            let batch = [Incoming(event: .about(id), message: IncomingEvent.order(id, ("tea", 4)))]
            let lost = await #expect(throws: PostgresError.self) {
                try await inventory.pool.transaction { transaction in
                    _ = try await inventory.handler.handle(batch, in: transaction)
                    // Another one, which did not wait since there was no row to lock, commits first.
                    _ = try await inventory.pool.query(
                        PostgresStatement.once(
                            "INSERT INTO reservation VALUES ($1, 'released', '{}', '{}', 1, now(), now())")(
                                id))
                }
            }
            #expect(lost?.sqlState == .uniqueViolation)
            #expect(try await inventory.levels("tea") == [10, 0, 0])
            try await inventory.handle(.order(id, ("tea", 4)))
            #expect(try await inventory.reservation(id) == "released 1")
        }
    }

    @Test func `instances that want the same products in every order neither deadlock nor lose a piece`()
        async throws
    {
        let seed = UInt64.random(in: 0...UInt64.max)
        try await InventoryUnderTest.run { inventory in
            let skus = ["a", "b", "c", "d"]
            for sku in skus { try await inventory.list(sku, available: 60) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<3 {
                    group.addTask {
                        var random = SeededGenerator(seed: seed &+ UInt64(worker))
                        for _ in 0..<12 {
                            try await inventory.handle(Self.dances(count: 10, of: skus, &random))
                        }
                    }
                }
                try await group.waitForAll()
            }
            let comment = Comment(rawValue: "seed \(seed)")
            let off = "SELECT count(*) FROM product WHERE restocked <> available + reserved + sold"
            #expect(try await inventory.number(off) == 0, comment)
            for (level, status) in [("reserved", "held"), ("sold", "sold")] {
                let owed = """
                    SELECT count(*) FROM product WHERE \(level) <> (
                        SELECT coalesce(sum(quantity), 0) FROM reservation, unnest(skus, quantities) AS line (sku, quantity)
                        WHERE status = '\(status)' AND line.sku = product.sku)
                    """
                #expect(try await inventory.number(owed) == 0, comment)
            }
        }
    }

    /// Orders of random lines, of which some end at once, in the batch that makes them.
    private static func dances(
        count: Int, of skus: [String], _ random: inout SeededGenerator
    ) -> [IncomingEvent] {
        var events: [IncomingEvent] = []
        for _ in 0..<count {
            let id = Identifier.v7(unixMilliseconds: 0, random: (random.next(), random.next()))
            let wanted = skus.shuffled(using: &random).prefix(2)
            let lines = wanted.map { (sku: $0, quantity: Int64.random(in: 1...3, using: &random)) }
            events.append(.order(id, lines: lines))
            if Int.random(in: 0..<3, using: &random) == 0 { events.append(.cancelling(id)) }
        }
        return events
    }
}
