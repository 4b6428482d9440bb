import Kernel
import Testing

@testable import Messaging

@Suite("How long events wait for Kafka")
struct PublishDelayTests {
    private static let start = Timestamp(unixMicroseconds: 1_700_000_000_000_000)

    private func after(_ milliseconds: Int) -> Timestamp {
        Self.start.advanced(by: .milliseconds(milliseconds))
    }

    /// - Returns: a window sent at once, the acknowledgement of which is still to come.
    private func sent(_ count: Int) -> PublishDelay {
        var delay = PublishDelay(at: Self.start)
        delay.send(count, oldest: Self.start)
        return delay
    }

    @Test func `a crowd in flight waits too long while Kafka answered a moment ago`() {
        let delay = sent(200)
        #expect(!delay.isTooLong(at: after(700)))
        #expect(delay.isTooLong(at: after(701)))
    }

    @Test func `a crowd that has waited too long counts until the next window is through`() {
        var delay = sent(200)
        delay.acknowledge(at: after(1000))
        #expect(delay.isTooLong(at: after(1100)))
        delay.send(200, oldest: after(1000))
        delay.acknowledge(at: after(1200))
        #expect(!delay.isTooLong(at: after(1300)))
    }

    @Test func `a few events that wait are no overload`() {
        var delay = sent(199)
        #expect(!delay.isTooLong(at: after(1500)))
        delay.acknowledge(at: after(1500))
        #expect(!delay.isTooLong(at: after(1600)))
    }

    @Test func `while Kafka is away events are kept for it`() {
        #expect(!sent(1000).isTooLong(at: after(2000)))
    }
}
