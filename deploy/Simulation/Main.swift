import Glibc
import Simulation

/// Runs the deciders of the shop against every mishap, many times over, in a few seconds; see
/// `deploy/simulate`.
@main struct Main {
    static let usage = """
        usage: simulate [--seeds N] [--first SEED]   N random runs with faults (default 10000, from seed 0)
               simulate --seed SEED                  one run; if it fails, the shortest way to the failure
               simulate --exhaustive                 every way one order can go, with each mishap once
               simulate --mutants                    break each guard in turn; every one has to be noticed
        """

    static func main() async {
        switch Request(Array(CommandLine.arguments.dropFirst())) {
        case .seeds(let first, let count): await runSeeds(first, count)
        case .seed(let seed): runSeed(seed)
        case .exhaustive: await runExhaustive()
        case .mutants: await runMutants()
        case .help:
            say(usage)
        case .nonsense:
            say(usage)
            exit(64)
        }
    }

    private static func runSeeds(_ first: UInt64, _ count: UInt64) async {
        let clock = ContinuousClock()
        let start = clock.now
        let failing = await firstFailure(in: first..<first + count, Rules())
        if let failing {
            runSeed(failing)
        } else {
            say("\(count) seeds from \(first): every invariant held (\(clock.now - start))")
        }
    }

    private static func runSeed(_ seed: UInt64) {
        guard let failure = Run.failure(seed: seed) else { return say("seed=\(seed): every invariant held") }
        say("\(failure)")
        exit(1)
    }

    /// The lowest failing seed; the seeds are dealt out to as many tasks as there are processors.
    private static func firstFailure(in seeds: Range<UInt64>, _ rules: Rules) async -> UInt64? {
        let tasks = UInt64(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        return await withTaskGroup(of: UInt64?.self) { group in
            for task in 0..<tasks {
                group.addTask {
                    var seed = seeds.lowerBound + task
                    while seed < seeds.upperBound {
                        if Run.failure(seed: seed, rules, shrinking: false) != nil { return seed }
                        seed += tasks
                    }
                    return nil
                }
            }
            var lowest: UInt64?
            for await failing in group {
                if let failing { lowest = min(failing, lowest ?? failing) }
            }
            return lowest
        }
    }

    private static func runExhaustive() async {
        let cases = [(true, true), (true, false), (false, true), (false, false)]
        let failures = await withTaskGroup(of: String?.self) { group in
            for (inStock, approves) in cases {
                group.addTask {
                    let result = Exhaustive.explore(inStock: inStock, approves: approves)
                    say(
                        "in stock \(inStock), gateway approves \(approves): \(result.states) states, \(result.ends) ends"
                    )
                    return result.failure
                }
            }
            var failures: [String] = []
            for await failure in group {
                if let failure { failures.append(failure) }
            }
            return failures
        }
        for failure in failures { say(failure) }
        if !failures.isEmpty { exit(1) }
    }

    private static func runMutants() async {
        var survivors = 0
        for mutant in Mutant.all {
            if let seed = await firstFailure(in: 0..<10_000, mutant.rules) {
                let failure = Run.failure(seed: seed, mutant.rules)
                say("caught: \(mutant.name)\n        seed=\(seed): \(failure?.what ?? "")")
            } else {
                survivors += 1
                say("SURVIVES: \(mutant.name)")
            }
        }
        say("\(Mutant.all.count - survivors) of \(Mutant.all.count) mutants caught")
        if survivors > 0 { exit(1) }
    }

    /// A line to standard output, in one piece.
    private static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        // Nobody is left to tell if this fails.
        _ = write(1, bytes, bytes.count)
    }
}

/// What the arguments ask for.
enum Request {
    case seeds(first: UInt64, count: UInt64)
    case seed(UInt64)
    case exhaustive
    case mutants
    case help
    case nonsense

    init(_ arguments: [String]) {
        var (first, count): (UInt64, UInt64) = (0, 10_000)
        var rest = arguments[...]
        while let option = rest.popFirst() {
            if option == "--exhaustive" || option == "--mutants" || option == "--help" {
                self = option == "--help" ? .help : option == "--mutants" ? .mutants : .exhaustive
                return
            }
            guard let value = rest.popFirst().flatMap({ UInt64($0) }), value <= UInt64.max / 4 else {
                self = .nonsense
                return
            }
            switch option {
            case "--seeds": count = value
            case "--first": first = value
            case "--seed":
                self = .seed(value)
                return
            default:
                self = .nonsense
                return
            }
        }
        self = .seeds(first: first, count: count)
    }
}
