import Kernel
import NotificationsDomain

/// The shop with one guard taken away.
///
/// A mutant that lives shows a hole in the simulation.
package struct Mutant: Sendable {
    package let name: String
    package let rules: Rules

    package static let all: [Mutant] = orders + inventory + payments + around

    init(_ name: String, _ change: (inout Rules) -> Void) {
        var rules = Rules()
        change(&rules)
        self.name = name
        self.rules = rules
    }

    private static let around: [Mutant] = [
        Mutant("a notice is written twice") { rules in
            rules.notice = { told, message, order in
                let decision = NoticeDecider.decide(told.subtracting([message.kind]), message, order: order)
                return NoticeDecision(.applied, told.union([message.kind]), effects: decision.effects)
            }
        },
        Mutant("a notice is lost") { rules in
            rules.notice = { told, message, order in
                if case .cancelled = message { return NoticeDecision(.stale, told) }
                return NoticeDecider.decide(told, message, order: order)
            }
        },
        Mutant("the edge does not heed idempotency keys") { $0.edgeHeedsKeys = false },
        Mutant("the gateway does not heed idempotency keys") { $0.gatewayHeedsKeys = false },
        Mutant("orders of a batch don't see each other's stock") { $0.batchSharesItsBook = false },
        Mutant("the relay stores its cursor before Kafka has the records") { $0.cursorWaitsForKafka = false },
    ]
}
