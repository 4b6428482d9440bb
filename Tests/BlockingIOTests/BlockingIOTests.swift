import BlockingIO
import Foundation
import Synchronization
import Testing

private actor Worker {
    private let executor: ThreadExecutor
    private(set) var seen: [Int] = []
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(name: String) throws { executor = try ThreadExecutor(name: name) }

    func note(_ number: Int) { seen.append(number) }
    func threadName() -> String { currentThreadName() }

    func block(until interrupt: Interrupt, deadlineMilliseconds: Int32) -> Int32 {
        var watched = pollfd(fd: interrupt.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, deadlineMilliseconds)
    }
}

private func currentThreadName() -> String {
    let text = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
    return text.trimmingCharacters(in: .newlines)
}

private func threadNames() -> [String] {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    return tasks.compactMap {
        try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8)
            .trimmingCharacters(in: .newlines)
    }
}

private func eventually(_ condition: () -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < deadline {
        if condition() { return true }
        await Task.yield()
    }
    return false
}

@Suite("A thread of its own")
struct ThreadExecutorTests {
    @Test func `an actor runs on the thread that bears its name`() async throws {
        let worker = try Worker(name: "named-worker")
        #expect(await worker.threadName() == "named-worker")
        #expect(await worker.threadName() == "named-worker")
    }

    @Test func `calls made one after the other run in that order`() async throws {
        let worker = try Worker(name: "in-order")
        for number in 0..<1000 { await worker.note(number) }
        #expect(await worker.seen == Array(0..<1000))
    }

    @Test func `calls from many tasks all run`() async throws {
        let worker = try Worker(name: "many")
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<1000 { group.addTask { await worker.note(number) } }
        }
        #expect(await worker.seen.sorted() == Array(0..<1000))
    }

    @Test func `a blocked actor does not hold up the pool`() async throws {
        let interrupt = try Interrupt()
        let workers = try (0..<8).map { try Worker(name: "blocked-\($0)") }
        await withTaskGroup(of: Int32.self) { group in
            for worker in workers {
                group.addTask { await worker.block(until: interrupt, deadlineMilliseconds: 10_000) }
            }
            // With more blocked calls than cores, this task runs only if they block elsewhere.
            group.addTask {
                interrupt.wake()
                return 1
            }
            for await result in group { #expect(result == 1) }
        }
    }

    @Test func `the thread ends when its actor is gone`() async throws {
        var worker: Worker? = try Worker(name: "short-lived")
        await worker?.note(1)
        #expect(threadNames().contains("short-lived"))
        worker = nil
        #expect(await eventually { !threadNames().contains("short-lived") })
    }
}

@Suite("Interrupt")
struct InterruptTests {
    private func isReadable(_ interrupt: Interrupt) -> Bool {
        var watched = pollfd(fd: interrupt.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, 0) == 1
    }

    @Test func `a wake-up before the wait is not lost`() throws {
        let interrupt = try Interrupt()
        #expect(!isReadable(interrupt))
        interrupt.wake()
        #expect(isReadable(interrupt))
    }

    @Test func `any number of wake-ups are forgotten by one drain`() throws {
        let interrupt = try Interrupt()
        for _ in 0..<100_000 { interrupt.wake() }
        #expect(isReadable(interrupt))
        interrupt.drain()
        #expect(!isReadable(interrupt))
        interrupt.wake()
        #expect(isReadable(interrupt))
    }

    @Test func `a wake-up from another thread ends the wait`() async throws {
        let interrupt = try Interrupt()
        let worker = try Worker(name: "waiting")
        async let result = worker.block(until: interrupt, deadlineMilliseconds: 10_000)
        interrupt.wake()
        #expect(await result == 1)
    }
}
