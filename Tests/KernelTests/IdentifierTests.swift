import Foundation
import Kernel
import TestSupport
import Testing

@Suite("Identifiers")
struct IdentifierTests {
    let text = "01890a5d-ac96-774b-bcce-b302099a8057"

    @Test func `it reads and writes the canonical form`() throws {
        let identifier = try #require(Identifier(text))
        #expect(identifier.high == 0x0189_0a5d_ac96_774b)
        #expect(identifier.low == 0xbcce_b302_099a_8057)
        #expect(identifier.description == text)
        #expect(identifier.short == "8057")
        #expect(Identifier(text.uppercased()) == identifier)
    }

    @Test(arguments: [
        "", "01890a5d", "01890a5dac96774bbcceb302099a8057", "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a80570", "01890a5d-ac96-774b-bcce-b302099a805g",
        "01890a5d-ac96-774b-bcce_b302099a8057", "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "01890a5d-ac96-774b-bcce-b302099a805\u{660}",
    ])
    func `it reads nothing else`(text: String) {
        #expect(Identifier(text) == nil)
    }

    @Test func `it agrees with Foundation's UUID on any bits`() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            let identifier = Identifier(high: random.next(), low: random.next())
            let uuid = try #require(UUID(uuidString: identifier.description))
            #expect(uuid.uuidString.lowercased() == identifier.description)
            #expect(Identifier(uuid.uuidString) == identifier)
        }
    }

    @Test func `a version 7 identifier has its version, its variant and its time`() {
        let identifier = Identifier.v7(unixMilliseconds: 0x0189_0a5d_ac96, random: (.max, .max))
        #expect(identifier.description == "01890a5d-ac96-7fff-bfff-ffffffffffff")
        #expect(
            Identifier.v7(unixMilliseconds: 0, random: (0, 0)).description.hasPrefix(
                "00000000-0000-7000-8000"))
    }

    @Test func `made later sorts later, as a number and as text`() {
        var random = SeededGenerator(seed: 2)
        var last = Identifier.v7(unixMilliseconds: 0, random: (.max, .max))
        for time in 1..<500 as Range<Int64> {
            let next = Identifier.v7(unixMilliseconds: time * 977, random: (random.next(), random.next()))
            #expect(last < next)
            #expect(last.description < next.description)
            last = next
        }
    }

    @Test func `in JSON it is its text`() throws {
        let identifier = try #require(Identifier(text))
        let data = try JSONEncoder().encode([identifier])
        #expect(String(decoding: data, as: UTF8.self) == "[\"\(text)\"]")
        #expect(try JSONDecoder().decode([Identifier].self, from: data) == [identifier])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Identifier].self, from: Data("[\"x\"]".utf8))
        }
    }
}
