import Contracts
import Kernel
import TestSupport
import Testing

/// What others may put on a topic, by mistake or on purpose: an event comes out of it or an error, never the end of
/// the process.
@Suite("Events that nobody sent", .timeLimit(.minutes(2)))
struct FuzzTests {
    private static let cases = 600

    /// How many of the inputs were events after all; each of those must come back as it went.
    private func accepted<E: Event>(
        like example: E, seed: UInt64, of make: (inout SeededGenerator) throws -> [UInt8]
    ) throws -> Int {
        var generator = SeededGenerator(seed: seed)
        var count = 0
        for index in 0..<Self.cases {
            let value = try make(&generator)
            do throws(ContractError) {
                let event = try EventCoding.decode(E.self, from: value)
                count += 1
                let written = (try? EventCoding.encode(event)) ?? []
                let isSame = (try? EventCoding.decode(E.self, from: written)) == event
                #expect(isSame, "seed \(seed), case \(index): \(String(decoding: value, as: UTF8.self))")
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
        return count
    }

    @Test(arguments: GoldenTests.names)
    func `noise is no event`(name: String) throws {
        let count = try accepted(like: GoldenTests.event(name), seed: 1) {
            Mutation.noise(upTo: 300, using: &$0)
        }
        #expect(count == 0)
    }

    @Test(arguments: GoldenTests.names)
    func `a golden event with bytes changed is an event or an error`(name: String) throws {
        let golden = try GoldenTests.golden(name)
        let count = try accepted(like: GoldenTests.event(name), seed: 2) {
            Mutation.bytes(golden, using: &$0)
        }
        #expect((1..<Self.cases).contains(count), "both must have been met: \(count)")
    }

    @Test(arguments: GoldenTests.names)
    func `a golden event with values changed is an event or an error`(name: String) throws {
        let golden = try GoldenTests.golden(name)
        let count = try accepted(like: GoldenTests.event(name), seed: 3) {
            try Mutation.json(golden, using: &$0)
        }
        #expect((1..<Self.cases).contains(count), "both must have been met: \(count)")
    }

    @Test(arguments: ["[", "{\"orderId\":", "{\"lines\":[", "\"\\u"])
    func `depth without an end is an error`(piece: String) {
        let value = Array(String(repeating: piece, count: EventCoding.bytesMax / piece.utf8.count).utf8)
        #expect(throws: ContractError.self) { try EventCoding.decode(OrderCreated.self, from: value) }
    }

    @Test func `headers with bytes changed are an envelope or an error`() {
        var generator = SeededGenerator(seed: 4)
        let original = CloudEventTests.full.headers.map { (name: $0.name, value: Array($0.value.utf8)) }
        var counts = (accepted: 0, refused: 0)
        for index in 0..<5000 {
            var headers = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = headers.indices.randomElement(using: &generator) ?? 0
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: headers.append(headers.remove(at: place))
                case 1: headers[place].value = Mutation.noise(upTo: 80, using: &generator)
                case 2:
                    let name = Mutation.bytes(Array(headers[place].name.utf8), using: &generator)
                    headers[place].name = String(decoding: name, as: UTF8.self)
                default: headers[place].value = Mutation.bytes(headers[place].value, using: &generator)
                }
            }
            do throws(ContractError) {
                let event = try CloudEvent(headers: headers)
                // Once written its time has no microseconds any more, so what counts is what is written next.
                let written = event.headers.map { (name: $0.name, value: Array($0.value.utf8)) }
                let again = try CloudEvent(headers: written).headers
                #expect(again.elementsEqual(event.headers) { $0 == $1 }, "case \(index)")
                counts.accepted += 1
            } catch {
                counts.refused += 1
            }
        }
        #expect(counts.accepted > 100 && counts.refused > 100, "\(counts)")
    }
}
