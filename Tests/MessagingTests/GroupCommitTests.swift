import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite("Group commit")
struct GroupCommitTests {
    private struct Refused: Error, Equatable { let request: Int }

    /// What was written, and a gate that holds each write until the test lets it through.
    private final class Ledger: Sendable {
        struct State {
            var batches: [[Int]] = []
            var isOpen = true
        }
        let state = Mutex(State())

        var batches: [[Int]] { state.withLock { $0.batches } }
        func set(open: Bool) { state.withLock { $0.isOpen = open } }

        func write(_ requests: [Int]) async throws -> [Int] {
            state.withLock { $0.batches.append(requests) }
            try await eventually("the gate opens") { state.withLock { $0.isOpen } }
            if let bad = requests.first(where: { $0 < 0 }) { throw Refused(request: bad) }
            return requests.map { $0 * 10 }
        }
    }

    private func run(
        batchMax: Int = 100, waitingMax: Int = 1000,
        _ body: (GroupCommit<Int, Int>, Ledger) async throws -> Void
    ) async throws {
        let ledger = Ledger()
        let group = GroupCommit<Int, Int>(batchMax: batchMax, waitingMax: waitingMax) {
            try await ledger.write($0)
        }
        async let running: Void = group.run()
        do { try await body(group, ledger) } catch {
            ledger.set(open: true)
            group.close()
            throw error
        }
        group.close()
        await running
    }

    /// Submits these at once behind a write that is under way, opens the gate, and gives each one's answer.
    private func submit(
        _ requests: [Int], to group: GroupCommit<Int, Int>, _ ledger: Ledger
    ) async throws -> [Int: Result<Int, any Error>] {
        ledger.set(open: false)
        let first = Task { try await group.submit(0) }
        try await eventually { ledger.batches.count == 1 }
        return try await withThrowingTaskGroup(of: (Int, Result<Int, any Error>).self) { tasks in
            for request in requests {
                tasks.addTask {
                    do { return (request, .success(try await group.submit(request))) } catch {
                        return (request, .failure(error))
                    }
                }
            }
            try await eventually("all wait") { group.waiting == requests.count }
            ledger.set(open: true)
            var answers: [Int: Result<Int, any Error>] = [:]
            for try await (request, answer) in tasks { answers[request] = answer }
            _ = try await first.value
            return answers
        }
    }

    @Test func `a request alone is written at once`() async throws {
        try await run { group, ledger in
            let answer = try await group.submit(4)
            #expect(answer == 40)
            #expect(ledger.batches == [[4]])
        }
    }

    @Test func `what queues during a commit becomes the next batch`() async throws {
        try await run(batchMax: 30) { group, ledger in
            let answers = try await submit(Array(1...50), to: group, ledger)
            for (request, answer) in answers { #expect(try answer.get() == request * 10) }
            #expect(ledger.batches.map(\.count) == [1, 30, 20])
        }
    }

    @Test func `one bad request fails alone`() async throws {
        try await run { group, ledger in
            let answers = try await submit([1, 2, -3, 4, 5, 6, 7], to: group, ledger)
            for (request, answer) in answers where request > 0 { #expect(try answer.get() == request * 10) }
            #expect(throws: Refused(request: -3)) { try answers[-3]?.get() }
            #expect(ledger.batches.count < 2 + 7, "a bisection, not one write for each")
        }
    }

    @Test func `a batch that the database did not answer fails at once, whole`() async throws {
        let attempts = Mutex(0)
        let group = GroupCommit<Int, Int>(batchMax: 100, waitingMax: 1000) { _ in
            attempts.withLock { $0 += 1 }
            throw PostgresError.connectionFailed("away")
        }
        let requests = (1...16).map { request in Task { try await group.submit(request) } }
        try await eventually("all wait") { group.waiting == requests.count }
        async let running: Void = group.run()
        for request in requests { await #expect(throws: PostgresError.self) { try await request.value } }
        #expect(attempts.withLock { $0 } == 1)
        group.close()
        await running
    }

    @Test func `one more than may wait is refused, and the others are not`() async throws {
        try await run(waitingMax: 5) { group, ledger in
            ledger.set(open: false)
            let first = Task { try await group.submit(0) }
            try await eventually { ledger.batches.count == 1 }
            let rest = (1...5).map { request in Task { try await group.submit(request) } }
            try await eventually { group.waiting == 5 }
            await #expect(throws: OverloadedError.self) { try await group.submit(6) }
            ledger.set(open: true)
            #expect(try await first.value == 0)
            for (index, task) in rest.enumerated() { #expect(try await task.value == (index + 1) * 10) }
        }
    }

    @Test func `closing answers who waits and refuses who comes`() async throws {
        try await run { group, ledger in
            ledger.set(open: false)
            let first = Task { try await group.submit(1) }
            try await eventually { ledger.batches.count == 1 }
            let second = Task { try await group.submit(2) }
            try await eventually { group.waiting == 1 }
            group.close()
            await #expect(throws: OverloadedError.self) { try await group.submit(3) }
            ledger.set(open: true)
            #expect(try await first.value == 10)
            #expect(try await second.value == 20)
        }
    }
}
