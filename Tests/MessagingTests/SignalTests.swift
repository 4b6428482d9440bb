import Synchronization
import TestSupport
import Testing

@testable import Messaging

@Suite("Signals, stops and waits")
struct SignalTests {
    @Test func `a wake-up before the wait is not lost`() async {
        let signal = Signal()
        signal.wake()
        await signal.wait()
    }

    @Test func `many wake-ups are one`() async throws {
        let signal = Signal()
        let returned = Atomic(0)
        for _ in 0..<10 { signal.wake() }
        async let waiting: Void = {
            for _ in 0..<2 {
                await signal.wait()
                returned.add(1, ordering: .relaxed)
            }
        }()
        try await eventually { returned.load(ordering: .relaxed) == 1 }
        for _ in 0..<1000 { await Task.yield() }
        #expect(returned.load(ordering: .relaxed) == 1, "the second wait has nothing left to take")
        signal.wake()
        await waiting
    }

    @Test func `whatever was done before a wake-up is seen after it`() async {
        let signal = Signal()
        let done = Atomic(0)
        async let working: Void = {
            for _ in 0..<10_000 {
                done.add(1, ordering: .releasing)
                signal.wake()
            }
        }()
        var seen = 0
        while seen < 10_000 {
            await signal.wait()
            seen = done.load(ordering: .acquiring)
        }
        await working
    }

    @Test func `a pulse wakes until it is stopped, and once more then`() async {
        let signal = Signal()
        let stop = StopFlag()
        async let beating: Void = pulse(signal, every: .milliseconds(1), until: stop)
        for _ in 0..<3 { await signal.wait() }
        stop.set()
        await beating
        await signal.wait()
    }

    @Test func `a stop ends a long sleep`() async {
        let stop = StopFlag()
        let begun = ContinuousClock.now
        async let sleeping: Void = stop.sleep(.seconds(600))
        stop.set()
        await sleeping
        #expect(begun.duration(to: .now) < .seconds(60))
    }

    @Test func `being cancelled ends a long sleep`() async {
        let stop = StopFlag()
        let begun = ContinuousClock.now
        let sleeping = Task { await stop.sleep(.seconds(20)) }
        sleeping.cancel()
        await sleeping.value
        #expect(begun.duration(to: .now) < .seconds(15))
    }

    @Test func `a wait grows from 50 ms to 5 s, and never is nothing`() {
        for _ in 0..<100 {
            var backoff = Backoff()
            for attempt in 0..<70 {
                let ceiling = min(Duration.seconds(5), .milliseconds(50) * (1 << min(attempt, 20)))
                let wait = backoff.next()
                #expect(wait <= ceiling && wait >= ceiling / 10.01)
            }
            #expect(backoff.attempt == 70)
            backoff.reset()
            #expect(backoff.next() <= .milliseconds(50))
        }
    }
}
