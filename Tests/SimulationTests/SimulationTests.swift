import Simulation
import Testing

@Suite("Simulation of the whole shop")
struct SimulationTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `whatever goes wrong, every invariant holds and every order comes to its end`(seed: UInt64) {
        let failure = Run.failure(seed: seed)
        #expect(failure == nil, "deploy/simulate --seed \(seed)\n\(failure.map { "\($0)" } ?? "")")
    }

    @Test(arguments: [(true, true), (true, false), (false, true), (false, false)])
    func `one order is right in every order of events`(inStock: Bool, approves: Bool) {
        let result = Exhaustive.explore(
            inStock: inStock, approves: approves, Exhaustive.Budget(duplicates: 0, crashes: 0))
        #expect(result.failure == nil)
        #expect(result.ends > 0)
    }

    @Test(arguments: Mutant.all.map(\.name))
    func `a shop with a guard taken away is noticed`(name: String) throws {
        let mutant = try #require(Mutant.all.first { $0.name == name })
        let caught = (0..<2000 as Range<UInt64>).contains { seed in
            Run.failure(seed: seed, mutant.rules, shrinking: false) != nil
        }
        #expect(caught)
    }

    @Test func `a failure is shrunk, told in words, and the same each time`() throws {
        let mutant = try #require(
            Mutant.all.first { $0.name == "a cancel voids while the gateway's answer is out" })
        let seed = try #require(
            (0..<2000 as Range<UInt64>).first { Run.failure(seed: $0, mutant.rules, shrinking: false) != nil }
        )
        let failure = try #require(Run.failure(seed: seed, mutant.rules))
        #expect(failure.steps.count < 40)
        #expect(failure.story.count <= failure.steps.count + 1)
        #expect(failure.description.hasPrefix("seed=\(seed) step=\(failure.steps.count): "))
        #expect(Run.failure(seed: seed, mutant.rules)?.description == failure.description)
    }

    @Test func `names of mutants are their own`() {
        #expect(Set(Mutant.all.map(\.name)).count == Mutant.all.count)
    }
}
