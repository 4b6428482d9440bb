import PaymentsDomain

/// A run of the whole shop from one seed: some hundred steps with faults, then a drain without.
package struct Run: Sendable {
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package let seed: UInt64
        package let what: String
        package let steps: [Step]
        /// The steps that did something, in words.
        package let story: [String]

        package var description: String {
            let told = story.enumerated().map { "  \($0 + 1). \($1)" }.joined(separator: "\n")
            return "seed=\(seed) step=\(steps.count): \(what)\n\(told)"
        }
    }

    package static let stepsPerSeed = 320
    private static let stock: [Int64] = [3, 4]
    private static let drainRoundsMax = 60

    /// The failure of a seed, shrunk to what it needs, or nil.
    package static func failure(seed: UInt64, _ rules: Rules = Rules(), shrinking: Bool = true) -> Failure? {
        var random = SplitMix(state: seed)
        let steps = (0..<stepsPerSeed).map { _ in Step(word: random.next()) }
        guard let failing = play(steps, rules) else { return nil }
        let least = shrinking ? shrink(Array(steps.prefix(failing.taken)), rules) : steps
        var story: [String] = []
        let again = play(least, rules) { story.append($0) }
        return Failure(seed: seed, what: again?.what ?? failing.what, steps: least, story: story)
    }

    private static func play(_ steps: [Step], _ rules: Rules) -> (what: String, taken: Int)? {
        play(steps, rules) { _ in }
    }

    private static func play(
        _ steps: [Step], _ rules: Rules, tell: (String) -> Void
    ) -> (what: String, taken: Int)? {
        var world = World(stock: stock)
        for (index, step) in steps.enumerated() {
            guard let words = step.take(in: &world, rules) else { continue }
            tell(words)
            world.checkAlways()
            if let violation = world.violation { return (violation, index + 1) }
        }
        tell("no more faults: everything is delivered and answered")
        drain(&world, rules)
        return world.violation.map { ($0, steps.count) }
    }

    /// No faults any more: in bounded time everybody has to come to rest, in the right place.
    static func drain(_ world: inout World, _ rules: Rules) {
        world.paused = []
        for _ in 0..<drainRoundsMax {
            let before = (world.offsets, world.payments, world.published, world.replies)
            for service in Service.allCases {
                world.publish(service, max: .max / 2, rules)
                world.storeCursor(service)
            }
            for stream in Stream.all.indices where world.lag(stream) > 0 {
                world.deliver(stream, max: 8, rules)
            }
            for order in world.payments.indices {
                guard let call = world.payments[order].pendingCall else { continue }
                world.decidePayment(order, world.gatewayAnswer(to: call, for: order, rules), rules)
            }
            while let reply = world.replies.popLast() {
                world.decidePayment(reply.order, reply.message, rules)
            }
            world.checkAlways()
            if world.violation != nil { return }
            if before == (world.offsets, world.payments, world.published, world.replies) {
                return world.checkAtRest()
            }
        }
        world.violate("liveness: no rest after \(drainRoundsMax) rounds without a fault")
    }

    /// Leaves out steps, large parts first, as long as something still goes wrong.
    private static func shrink(_ steps: [Step], _ rules: Rules) -> [Step] {
        var steps = steps
        var length = max(1, steps.count / 2)
        while true {
            var start = 0
            var isShorter = false
            while start < steps.count {
                let fewer = Array(steps[..<start] + steps[min(start + length, steps.count)...])
                if let failing = play(fewer, rules) {
                    steps = Array(fewer.prefix(failing.taken))
                    isShorter = true
                } else {
                    start += length
                }
            }
            if length == 1, !isShorter { return steps }
            length = max(1, length / 2)
        }
    }
}

/// SplitMix64 (https://prng.di.unimi.it/splitmix64.c).
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
