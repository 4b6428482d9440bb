import Kernel
import Testing

@testable import Messaging

@Suite("How long the oldest event waits")
struct EventWaitTests {
    private func at(_ seconds: Int) -> Timestamp { Timestamp(unixMilliseconds: Int64(seconds) * 1000) }

    @Test func `none waits, none is old`() { #expect(EventWait().age(at: at(100)) == .zero) }

    @Test func `the first that is written counts until all are acknowledged`() {
        var wait = EventWait()
        wait.write(at: at(10))
        wait.write(at: at(20))
        #expect(wait.age(at: at(30)) == .seconds(20))
        wait.send(oldest: at(25))
        #expect(wait.age(at: at(30)) == .seconds(20))
        wait.acknowledge()
        #expect(wait.age(at: at(30)) == .zero)
    }

    @Test func `what is written while others are in flight waits for the next window`() {
        var wait = EventWait()
        wait.send(oldest: at(10))
        wait.write(at: at(20))
        wait.acknowledge()
        #expect(wait.age(at: at(30)) == .seconds(10))
    }

    @Test func `a window that did not arrive keeps its age when it is sent again`() {
        var wait = EventWait()
        wait.send(oldest: at(10))
        wait.send(oldest: at(60))
        #expect(wait.age(at: at(70)) == .seconds(60))
    }
}
