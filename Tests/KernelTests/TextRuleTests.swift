import Kernel
import Testing

@Suite("Rules for text")
struct TextRuleTests {
    @Test func `lengths are counted in Unicode scalars`() {
        #expect(TextRule.accepts("größe", lengths: 5...5))
        #expect(!TextRule.accepts("", lengths: 1...5))
        #expect(!TextRule.accepts("123456", lengths: 1...5))
    }

    @Test(arguments: ["\u{0}", "a\n", "a\r", "a\t", "\u{7F}", "\u{85}"])
    func `control characters are refused`(text: String) {
        #expect(!TextRule.accepts(text, lengths: 0...9))
    }

    @Test func `a SKU needs no escaping anywhere`() {
        #expect(TextRule.acceptsSKU("Mug_blue-0.5"))
        #expect(TextRule.acceptsSKU(String(repeating: "x", count: 64)))
        for text in ["", "a b", "a/b", "a%b", "größe", String(repeating: "x", count: 65)] {
            #expect(!TextRule.acceptsSKU(text))
        }
    }

    @Test func `a trace context is version 00 of W3C's`() {
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        #expect(TextRule.acceptsTraceparent(trace))
        #expect(!TextRule.acceptsTraceparent(trace.uppercased()))
        #expect(!TextRule.acceptsTraceparent(trace + "\n"))
        #expect(!TextRule.acceptsTraceparent(trace.replacing("-01", with: "001")))
        #expect(!TextRule.acceptsTraceparent(trace.replacing("4b", with: "\u{301}")))
    }

    @Test(arguments: [
        ("a@b", true), ("o'neil+shop@mail.example.org", true), ("a@b.", false), ("a@.b", false),
        ("jörg@example.org", false), (String(repeating: "a", count: 252) + "@b", true),
        (String(repeating: "a", count: 253) + "@b", false),
    ])
    func `an address is ASCII and of a length that mail servers take`(text: String, isGood: Bool) {
        #expect(TextRule.acceptsAddress(text) == isGood)
    }
}

@Suite("Decisions")
struct DecisionTests {
    @Test func `only an applied message and a tombstone change the state`() {
        let outcomes: [Outcome] = [.applied, .tombstone, .duplicate, .stale, .refused, .alarm("why")]
        #expect(outcomes.filter { Decision<Int, Int>($0, 0).changes } == [.applied, .tombstone])
        #expect(outcomes.map(\.label) == ["applied", "tombstone", "duplicate", "stale", "refused", "alarm"])
    }
}
