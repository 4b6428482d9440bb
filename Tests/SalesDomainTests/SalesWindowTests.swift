import Kernel
import SalesDomain
import TestSupport
import Testing

@Suite("Windows of sales")
struct SalesWindowTests {
    static let minute = Timestamp(unixMilliseconds: 1_763_726_460_000)

    private func time(_ seconds: Double) -> Timestamp { Self.minute.advanced(by: .seconds(seconds)) }

    @Test(
        arguments: [(0, 0), (0.001, 0), (59.999, 0), (60, 60), (-0.001, -60), (-60, -60)]
            as [(Double, Double)])
    func `a window has its beginning and not its end`(seconds: Double, start: Double) {
        #expect(SalesWindow(containing: time(seconds)).start == time(start))
    }

    @Test func `times before 1970 fall into windows, too`() {
        let before = SalesWindow(containing: Timestamp(unixMicroseconds: -1))
        #expect(before.start == Timestamp(unixMilliseconds: -60_000))
        #expect(SalesWindow(containing: before.start) == before)
    }

    @Test(arguments: [(64.999, -60), (65, 0), (124.999, 0), (125, 60)] as [(Double, Double)])
    func `a window is closed when it is over and its grace is, too`(now: Double, last: Double) {
        let window = SalesWindow.lastClosed(at: time(now))
        #expect(window.start == time(last))
        #expect(window.closing <= time(now))
        #expect(window.closing.advanced(by: SalesWindow.length) > time(now))
    }

    @Test(arguments: [(1, 0), (2, -60), (15, -840), (0, 0)] as [(Int, Double)])
    func `minutes are counted back from the one that runs`(count: Int, first: Double) {
        #expect(SalesWindow.first(of: count, upTo: time(30)).start == time(first))
    }

    @Test func `sums are by window and product, in their order`() {
        let sums = SalesChange.sums(of: [
            sold([("tea", 2), ("mug", 1)], at: 61), sold([("tea", 3)], at: 10), sold([("tea", 4)], at: 119),
        ])
        #expect(sums.map(\.sku) == ["tea", "mug", "tea"])
        #expect(sums.map(\.window.start) == [time(0), time(60), time(60)])
        #expect(sums.map(\.units) == [3, 1, 6])
        #expect(sums.map(\.orders) == [1, 1, 2])
    }

    @Test func `an order that names a product twice is one order`() {
        let sums = SalesChange.sums(of: [sold([("tea", 2), ("tea", 1)], at: 0)])
        #expect(sums.map(\.units) == [3])
        #expect(sums.map(\.orders) == [1])
    }

    @Test func `names that only look the same are two products, as they are to the database`() {
        let (one, other) = ("caf\u{E9}", "cafe\u{301}")
        let together = SalesChange.sums(of: [sold([(one, 2), (other, 3)], at: 0)])
        #expect(together.map(\.units) == [3, 2])
        #expect(together.map(\.orders) == [1, 1])
    }

    @Test func `nothing sold is no change`() {
        #expect(SalesChange.sums(of: []) == [])
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `however sales are cut into batches, the sums are the same`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let all = (0..<60).map { _ in
            sold(
                (0..<Int.random(in: 1...3, using: &random)).map {
                    ("sku-\($0)", Int64.random(in: 1...9, using: &random))
                },
                at: Double(Int.random(in: 0..<180, using: &random)))
        }
        var rest = all.shuffled(using: &random)[...]
        var added: [String: Int64] = [:]
        while !rest.isEmpty {
            let size = Int.random(in: 1...20, using: &random)
            for sum in SalesChange.sums(of: Array(rest.prefix(size))) {
                added["\(sum.sku) \(sum.window.start)", default: 0] += sum.units
            }
            rest = rest.dropFirst(size)
        }
        let atOnce = SalesChange.sums(of: all)
        #expect(
            added
                == Dictionary(uniqueKeysWithValues: atOnce.map { ("\($0.sku) \($0.window.start)", $0.units) })
        )
    }

    private func sold(_ lines: [(String, Int64)], at seconds: Double) -> SoldLines {
        SoldLines(lines.map { SaleLine(sku: $0.0, quantity: $0.1) }, at: time(seconds))
    }
}
