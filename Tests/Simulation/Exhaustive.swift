import OrdersDomain
import PaymentsDomain

/// Every way in which one order can go, with a bounded number of mishaps at any point of it.
///
/// The relays publish at once here: a delay of theirs is no different from a delay of the delivery.
package struct Exhaustive: Sendable {
    package struct Result: Sendable {
        /// Different situations of the whole shop that were looked at.
        package var states = 0
        /// How many of them were at rest, and right.
        package var ends = 0
        /// What went wrong first, and the shortest way to it that was found.
        package var failure: String?
    }

    /// How many of each may still happen, beside a cancellation by the customer and one by the deadline.
    package struct Budget: Hashable, Sendable {
        var cancels: Set<Canceller> = [.customer, .deadline]
        /// A consumer hears an old record again.
        var duplicates: Int
        /// A relay starts over from an earlier row.
        var crashes: Int
        /// An answer of the gateway is lost, or comes late.
        var timeouts: Int

        package init(duplicates: Int = 1, crashes: Int = 1, timeouts: Int = 1) {
            self.duplicates = duplicates
            self.crashes = crashes
            self.timeouts = timeouts
        }
    }

    fileprivate struct Situation: Hashable {
        var world: World
        var budget: Budget
        var story: [String] = []

        static func == (left: Situation, right: Situation) -> Bool {
            left.world == right.world && left.budget == right.budget
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(world)
            hasher.combine(budget)
        }
    }

    /// Looks at all of it for an order that there is stock for or not, and that the gateway accepts or not.
    package static func explore(
        inStock: Bool, approves: Bool, _ budget: Budget = Budget(), rules: Rules = Rules(),
        statesMax: Int = 2_000_000
    ) -> Result {
        var start = World(stock: [inStock ? 1 : 0, 0])
        start.place(key: 0, quantities: [1, 0], approves: approves, rules)
        settle(&start, rules)
        var result = Result()
        // Hashes instead of worlds: a million of those would not fit, and two of 64 bits hardly ever meet.
        var seen: Set<Int> = []
        var level = [Situation(world: start, budget: budget)]
        while !level.isEmpty {
            var next: [Situation] = []
            for situation in level where seen.insert(situation.hashValue).inserted {
                result.states += 1
                guard result.states <= statesMax else {
                    result.failure = "more than \(statesMax) states"
                    return result
                }
                if let broken = visit(situation, rules, into: &next, &result) {
                    result.failure = broken
                    return result
                }
            }
            level = next
        }
        return result
    }

    private static func visit(
        _ situation: Situation, _ rules: Rules, into next: inout [Situation], _ result: inout Result
    ) -> String? {
        let expected = ordinaryMoves(situation, rules)
        if expected.isEmpty {
            var rest = situation.world
            rest.checkAtRest()
            result.ends += 1
            if let violation = rest.violation { return tell(violation, situation) }
        }
        for following in expected + mishaps(situation, rules) {
            if let violation = following.world.violation { return tell(violation, following) }
            next.append(following)
        }
        return nil
    }

    private static func tell(_ violation: String, _ situation: Situation) -> String {
        violation + situation.story.enumerated().map { "\n  \($0 + 1). \($1)" }.joined()
    }

    /// What happens sooner or later if nobody interferes.
    private static func ordinaryMoves(_ situation: Situation, _ rules: Rules) -> [Situation] {
        var moves: [Situation] = []
        for stream in Stream.all.indices where situation.world.lag(stream) > 0 {
            let target = Stream.all[stream]
            moves.append(
                situation.after("\(target.consumer) hears \(target.channel.rawValue)") { world, _ in
                    world.deliver(stream, max: 1, rules)
                })
        }
        if let call = situation.world.payments[0].pendingCall {
            moves.append(
                situation.after("the gateway answers") { world, _ in
                    world.decidePayment(0, world.gatewayAnswer(to: call, for: 0, rules), rules)
                })
        }
        if let reply = situation.world.replies.first {
            moves.append(
                situation.after("the gateway's late answer arrives") { world, _ in
                    world.replies.removeFirst()
                    world.decidePayment(0, reply.message, rules)
                })
        }
        for index in moves.indices { settle(&moves[index].world, rules) }
        return moves
    }

    private static func mishaps(_ situation: Situation, _ rules: Rules) -> [Situation] {
        var moves: [Situation] = []
        for canceller in Canceller.allCases where situation.budget.cancels.contains(canceller) {
            moves.append(
                situation.after("the \(canceller) cancels") { world, budget in
                    budget.cancels.remove(canceller)
                    world.decideOrder(0, .cancel(by: canceller), rules)
                })
        }
        moves += timeouts(situation, rules) + duplicates(situation, rules) + crashes(situation)
        for index in moves.indices { settle(&moves[index].world, rules) }
        return moves
    }

    private static func timeouts(_ situation: Situation, _ rules: Rules) -> [Situation] {
        guard situation.budget.timeouts > 0, let call = situation.world.payments[0].pendingCall else {
            return []
        }
        return [
            situation.after("the gateway's answer is lost") { world, budget in
                budget.timeouts -= 1
                _ = world.gatewayAnswer(to: call, for: 0, rules)
            },
            situation.after("the gateway's answer is late") { world, budget in
                budget.timeouts -= 1
                let message = world.gatewayAnswer(to: call, for: 0, rules)
                world.replies.append(World.Reply(order: 0, message: message))
            },
        ]
    }

    private static func duplicates(_ situation: Situation, _ rules: Rules) -> [Situation] {
        guard situation.budget.duplicates > 0 else { return [] }
        return Stream.all.indices.filter { situation.world.offsets[$0] > 0 }.map { stream in
            let target = Stream.all[stream]
            return situation.after("\(target.consumer) hears \(target.channel.rawValue) again") {
                world, budget in
                budget.duplicates -= 1
                world.redeliver(stream, at: 0, rules)
            }
        }
    }

    private static func crashes(_ situation: Situation) -> [Situation] {
        guard situation.budget.crashes > 0 else { return [] }
        return Service.allCases.flatMap { service in
            let rows = situation.world.outboxes[service.index].count
            return (0..<rows).map { row in
                situation.after("\(service)'s relay starts over from row \(row)") { world, budget in
                    budget.crashes -= 1
                    world.resend(service, from: row, count: rows)
                }
            }
        }
    }

    private static func settle(_ world: inout World, _ rules: Rules) {
        for service in Service.allCases {
            world.publish(service, max: .max / 2, rules)
            world.storeCursor(service)
        }
        world.checkAlways()
    }
}

extension Exhaustive.Situation {
    fileprivate func after(
        _ words: String, _ change: (inout World, inout Exhaustive.Budget) -> Void
    ) -> Exhaustive.Situation {
        var next = self
        next.story.append(words)
        change(&next.world, &next.budget)
        return next
    }
}
