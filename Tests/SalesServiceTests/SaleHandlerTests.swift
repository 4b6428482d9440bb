import HTTP
import Kernel
import Messaging
import Postgres
import SalesDomain
import TestSupport
import Testing

@testable import SalesService

@Suite("Handling sales")
struct SaleHandlerTests {
    @Test func `an order is counted when it is confirmed, in the minute of that`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            try await sales.handle(.created(id, ("tea", 2), ("mug", 1)))
            #expect(try await sales.sums() == [])
            #expect(try await sales.states() == ["placed 2"])
            try await sales.handle(.confirmed(id, at: 60))
            #expect(try await sales.sums() == ["mug 1 1 v0", "tea 2 1 v0"])
            #expect(try await sales.states() == ["counted 0"])
            let page = await sales.get("/v1/sales")
            #expect(
                String(decoding: page.body, as: UTF8.self).contains(#""start":"2025-11-21T12:02:00.000Z""#))
        }
    }

    @Test func `the confirmation may come first, or with its order`() async throws {
        try await SalesUnderTest.run { sales in
            let (early, together) = (Identifier.fresh(), Identifier.fresh())
            try await sales.handle(.confirmed(early))
            try await sales.handle(.created(early, ("tea", 2)))
            try await sales.handle(.confirmed(together), .created(together, ("tea", 3)))
            #expect(try await sales.sums() == ["tea 5 2 v0"])
            #expect(try await sales.states() == ["counted 0", "counted 0"])
        }
    }

    @Test func `what is heard again is not counted again`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            for _ in 1...3 {
                let handled = try await sales.handle(
                    .created(id, ("tea", 2)), .confirmed(id), .created(id, ("tea", 2)), .confirmed(id))
                #expect(handled.alarms.isEmpty)
            }
            #expect(try await sales.sums() == ["tea 2 1 v0"])
        }
    }

    @Test func `a cancelled order is not counted, whatever came first`() async throws {
        try await SalesUnderTest.run { sales in
            let (late, early) = (Identifier.fresh(), Identifier.fresh())
            try await sales.handle(.created(late, ("tea", 2)))
            try await sales.handle(.cancelled(late), .cancelled(early))
            try await sales.handle(.created(early, ("tea", 2)))
            #expect(try await sales.sums() == [])
            #expect(try await sales.states() == ["cancelled 0", "cancelled 0"])
            let handled = try await sales.handle(.confirmed(late))
            #expect(handled.alarms == ["order \(late): an order that is both confirmed and cancelled"])
            #expect(try await sales.sums() == [])
        }
    }

    @Test func `a name with quotes, commas and braces is a name`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            try await sales.handle(.created(id, (#"a","b"#, 1), (#"{\}'"#, 2)))
            try await sales.handle(.confirmed(id))
            #expect(try await sales.sums() == [#"a","b 1 1 v0"#, #"{\}' 2 1 v0"#])
        }
    }

    @Test func `two instances that count the same products wait for each other`() async throws {
        try await SalesUnderTest.run { sales in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<10 {
                            let id = Identifier.fresh()
                            try await sales.handle(.confirmed(id), .created(id, ("tea", 1), ("mug", 1)))
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await sales.sums() == ["mug 40 40 v0", "tea 40 40 v0"])
        }
    }

    @Test func `a row that no decider wrote stops its order and no other`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            try await sales.handle(.created(id, ("tea", 2)))
            try await sales.pool.query(
                PostgresStatement.once("ALTER TABLE sale DROP CONSTRAINT sale_status")())
            try await sales.pool.query(PostgresStatement.once("UPDATE sale SET status = 'x'")())
            await #expect(throws: StoredSaleError.self) { try await sales.handle(.confirmed(id)) }
        }
    }
}
