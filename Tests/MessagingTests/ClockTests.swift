import Kernel
import Messaging
import Testing

@Suite("Identifiers by the clock")
struct ClockTests {
    @Test func `all of the same moment differ, whoever makes them`() async {
        let now = Timestamp(unixMilliseconds: 1_732_190_401_102)
        let made = await withTaskGroup { group in
            for _ in 0..<4 { group.addTask { (0..<1000).map { _ in Identifier.v7(at: now) } } }
            return await group.reduce(into: Set()) { $0.formUnion($1) }
        }
        #expect(made.count == 4000)
    }
}
