import Kernel
import Messaging
import Postgres
import SalesDomain
import TestSupport
import Testing

@testable import SalesService

@Suite("Telling what was sold")
struct WindowPublisherTests {
    /// When the window of `minute` closes; the rows are changed now, so what is told is told at a moment after now.
    private func publish(_ sales: SalesUnderTest) async throws -> Int {
        try await sales.publisher.publish(at: .now().advanced(by: .seconds(1)))
    }

    @Test func `a minute is told once it is over, each product by an event of its own`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            try await sales.handle(.created(id, ("tea", 2), ("mug", 1)), .confirmed(id))
            #expect(try await publish(sales) == 2)
            #expect(
                try await sales.said() == [
                    #"v1 mug@2025-11-21T12:01:00.000Z {"sku":"mug","start":"2025-11-21T12:01:00.000Z","#
                        + #""seconds":60,"units":1,"orders":1}"#,
                    #"v1 tea@2025-11-21T12:01:00.000Z {"sku":"tea","start":"2025-11-21T12:01:00.000Z","#
                        + #""seconds":60,"units":2,"orders":1}"#,
                ])
            #expect(try await publish(sales) == 0)
        }
    }

    @Test func `what is counted later is told again, with the new sum and a higher version`() async throws {
        try await SalesUnderTest.run { sales in
            let (first, late) = (Identifier.fresh(), Identifier.fresh())
            try await sales.handle(.created(first, ("tea", 2)), .confirmed(first))
            #expect(try await publish(sales) == 1)
            try await sales.handle(.created(late, ("tea", 3)), .confirmed(late))
            #expect(try await sales.sums() == ["tea 5 2 v1"])
            #expect(try await publish(sales) == 1)
            #expect(try await sales.sums() == ["tea 5 2 v2"])
            let last = try #require(try await sales.said().last)
            #expect(last.hasPrefix("v2 tea@"))
            #expect(last.contains(#""units":5"#))
        }
    }

    @Test func `a minute that runs, or may still hear of sales, is not told`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            let now = Timestamp.now()
            let start = SalesWindow(containing: now).start
            let seconds = now.since(minute).components.seconds
            try await sales.handle(.created(id, ("tea", 2)), .confirmed(id, at: Double(seconds)))
            let closing = start.advanced(by: .seconds(65))
            #expect(try await sales.publisher.publish(at: closing.advanced(by: .milliseconds(-1))) == 0)
            #expect(try await sales.publisher.publish(at: closing) == 1)
        }
    }

    @Test func `what changes while it is told waits for the next closing`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            let before = Timestamp.now()
            try await sales.handle(.created(id, ("tea", 2)), .confirmed(id))
            #expect(try await sales.publisher.publish(at: before) == 0)
            #expect(try await publish(sales) == 1)
        }
    }

    @Test func `what was counted by a clock that was ahead is told when it is set back`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            try await sales.handle(.created(id, ("tea", 2)), .confirmed(id))
            let ahead = "UPDATE sales_sum SET updated_at = now() + interval '1 year'"
            try await sales.pool.query(PostgresStatement.once(ahead)())
            #expect(try await publish(sales) == 1)
            #expect(try await publish(sales) == 0)
        }
    }

    @Test func `more products than fit into one transaction are all told`() async throws {
        try await SalesUnderTest.run { sales in
            let count = WindowPublisher.chunk + 1
            let sql = """
                INSERT INTO sales_sum (starts_at, sku, units, orders, updated_at)
                SELECT $1, 'sku-' || n, 1, 1, $1 FROM generate_series(1, $2) AS n
                """
            try await sales.pool.query(PostgresStatement.once(sql)(minute, Int64(count)))
            #expect(try await publish(sales) == count)
            #expect(Set(try await sales.said()).count == count)
        }
    }

    @Test func `two instances tell each sum once`() async throws {
        try await SalesUnderTest.run { sales in
            for number in 0..<20 {
                let id = Identifier.fresh()
                try await sales.handle(.created(id, ("sku-\(number)", 1)), .confirmed(id))
            }
            async let one = publish(sales)
            async let other = publish(sales)
            #expect(try await one + other == 20)
            #expect(try await sales.said().count == 20)
        }
    }

    @Test func `it ends when it is asked to, and tells at the start what was left`() async throws {
        try await SalesUnderTest.run { sales in
            let id = Identifier.fresh()
            try await sales.handle(.created(id, ("tea", 2)), .confirmed(id))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await sales.publisher.run() }
                defer { sales.publisher.close() }
                try await eventually { try await sales.said().count == 1 }
            }
        }
    }
}
