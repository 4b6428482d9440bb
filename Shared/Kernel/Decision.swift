/// What a decider makes of one message: the state it leaves, what is to be done about it, and why.
///
/// The state and the effects are stored in one transaction. Nothing of it has happened before that commits,
/// so a decision may be thrown away and made again.
package struct Decision<State: Sendable, Effect: Sendable>: Sendable {
    package let state: State
    /// In the order in which they are to be told.
    package let effects: [Effect]
    package let outcome: Outcome

    package init(_ outcome: Outcome, _ state: State, effects: [Effect] = []) {
        self.state = state
        self.effects = effects
        self.outcome = outcome
    }

    /// Whether the state is another than before and has to be written.
    package var changes: Bool {
        switch outcome {
        case .applied, .tombstone: true
        case .duplicate, .stale, .refused, .alarm: false
        }
    }
}

extension Decision: Equatable where State: Equatable, Effect: Equatable {}

/// Why a message changed something, or why it did not; the label of a counter and a word in the log.
///
/// Topics keep order per key, but two topics keep none between them, and a relay may repeat itself. So every
/// decider has an answer for each message in each state, and a message that changes nothing is no error.
package enum Outcome: Hashable, Sendable {
    /// The state moved on.
    case applied
    /// A cancel came before what it cancels. The state remembers it, so that the late one is refused.
    case tombstone
    /// Said before.
    case duplicate
    /// Overtaken by something newer that settles the matter.
    case stale
    /// Asked for too late by someone who gets an answer.
    case refused
    /// Contradicts what is known. The state stands, and a person has to look: somebody's bug.
    case alarm(String)

    package var label: String {
        switch self {
        case .applied: "applied"
        case .tombstone: "tombstone"
        case .duplicate: "duplicate"
        case .stale: "stale"
        case .refused: "refused"
        case .alarm: "alarm"
        }
    }
}
