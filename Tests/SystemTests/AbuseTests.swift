import Foundation
import ShopHarness
import Synchronization
import TestSupport
import Testing

extension SystemTests {
    /// Clients that want to use the shop up: it goes on, within the memory that its container has.
    @Suite("Abuse") struct AbuseTests {
        private let shop: RunningShop

        /// `mem_limit` of a service in docker-compose.yml, in bytes.
        private static let memoryMax = 256 << 20

        init() throws { shop = try .current }

        /// Orders while `attack` runs and after it, looking at the memory that orders takes.
        ///
        /// - Returns: what the attack came to, and the most memory that was seen, in bytes.
        private func ordering<Result: Sendable>(
            during attack: @escaping @Sendable (_ port: Int, _ begun: Flag) throws -> Result
        ) async throws -> (result: Result, memory: Int) {
            let sku = try await shop.sell(100_000)
            let (port, begun, over) = (shop.port(.orders), Flag(), Flag())
            async let attacking: Result = onThread {
                defer { over.set() }
                return try attack(port, begun)
            }
            try await eventually("the attack has begun", within: .seconds(30)) { begun.isSet || over.isSet }
            var memory = 0
            repeat {
                memory = max(memory, try shop.residentBytes(.orders))
                let order = try await shop.place(sku, wait: 20)
                #expect(order.status == "confirmed")
            } while !over.isSet
            let result = try await attacking
            #expect(try await shop.place(sku, wait: 20).status == "confirmed")
            memory = max(memory, try shop.residentBytes(.orders))
            #expect(memory < Self.memoryMax, "\(memory >> 20) MB")
            try await shop.expectRest()
            return (result, memory)
        }

        @Test func `ten thousand connections are let go again, and orders come through`() async throws {
            let wanted = 10_000
            let allowed = allowDescriptors(wanted + 1000)
            let count = min(wanted, allowed - 1000)
            if count < wanted { print("only \(allowed) descriptors are allowed here: \(count) connections") }
            let (report, memory) = try await ordering { port, begun in
                // A byte now and then: where the queue was full the system may have told a client alone that it is
                // connected, and only who speaks learns that nobody is there.
                var crowd = try Crowd(count, of: port, .init(more: Array("G".utf8), pause: .seconds(3)))
                crowd.go { $0.connected >= min(count, 2000) }
                begun.set()
                let end = ContinuousClock.now + .seconds(90)
                crowd.go { _ in .now >= end }
                return crowd.report
            }
            #expect(report.connected == count, "each got in")
            #expect(report.ended == count, "each was sent away: none had a request")
            print("\(count) connections: orders took \(memory >> 20) MB at most")
        }

        @Test func `clients of every bad habit at once keep nobody from ordering`() async throws {
            allowDescriptors(4000)
            let head = "POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            let list = "GET /v1/orders?limit=200 HTTP/1.1\r\nHost: a\r\n\r\n"
            let habits: [(name: String, count: Int, habit: Crowd.Habit)] = [
                ("drips its head", 500, .init(opening: head, more: Array("X".utf8))),
                ("drips its body", 200, .init(opening: head + "Content-Length: 60000\r\n\r\n{", more: [32])),
                ("leaves its body out", 200, .init(opening: head + "Content-Length: 60000\r\n\r\n{")),
                (
                    "has half closed and never reads", 200,
                    .init(opening: list, halfCloses: true, reads: false)
                ),
                (
                    "asks on and never reads", 50,
                    .init(opening: list, more: Array(list.utf8), pause: .zero, reads: false)
                ),
                (
                    "sends chunks without an end", 20,
                    .init(
                        opening: head + "Transfer-Encoding: chunked\r\n\r\n",
                        more: Array("1000\r\n\(String(repeating: "a", count: 4096))\r\n".utf8), pause: .zero)
                ),
                (
                    "sends headers without an end", 20,
                    .init(
                        opening: head, more: Array("X-Long: \(String(repeating: "a", count: 4096))\r\n".utf8))
                ),
                (
                    "sends a URL without an end", 20,
                    .init(opening: "GET /", more: Array(String(repeating: "a", count: 4096).utf8))
                ),
            ]
            let (reports, memory) = try await ordering { port, begun in
                try attack(port, habits.map { ($0.count, $0.habit) }, for: .seconds(14), begun: begun)
            }
            let heads = reports[0]
            #expect(heads.connected == 500 && heads.ended == 500, "a head has ten seconds: \(heads)")
            #expect(reports[5].answers["413 Refused", default: 0] > 0, "\(reports[5])")
            for index in [5, 6, 7] { #expect(reports[index].ended == 20, "\(habits[index].name)") }
            print("every bad habit at once: orders took \(memory >> 20) MB at most")
        }
    }
}

/// Lets crowds of several kinds loose, each on a thread of its own.
private func attack(
    _ port: Int, _ kinds: [(count: Int, habit: Crowd.Habit)], for time: Duration, begun: Flag
) throws -> [Crowd.Report] {
    let reports = Reports(kinds.count)
    let end = ContinuousClock.now + time
    let group = DispatchGroup()
    for (index, kind) in kinds.enumerated() {
        group.enter()
        Thread.detachNewThread {
            defer { group.leave() }
            guard var crowd = try? Crowd(kind.count, of: port, kind.habit) else { return }
            crowd.go { $0.connected == kind.count || .now >= end }
            begun.set()
            crowd.go { _ in .now >= end }
            reports.set(index, crowd.report)
        }
    }
    group.wait()
    return reports.all
}

/// What crowds on several threads came to.
private final class Reports: Sendable {
    private let state: Mutex<[Crowd.Report]>

    init(_ count: Int) { state = Mutex(Array(repeating: Crowd.Report(), count: count)) }

    var all: [Crowd.Report] { state.withLock { $0 } }

    func set(_ index: Int, _ report: Crowd.Report) { state.withLock { $0[index] = report } }
}
