/// The reference automaton: which events an order may have, after which others.
///
/// Written down apart from the deciders, and from the outside: it knows events and no states.
struct OrderPath: Hashable, Sendable {
    private var seen: Set<Channel> = []

    /// What is wrong with the event coming now, if anything.
    mutating func advance(by event: Channel) -> String? {
        guard seen.insert(event).inserted else { return "\(event.rawValue) twice" }
        guard isAllowed(event) else {
            return "\(event.rawValue) after \(seen.subtracting([event]).map(\.rawValue).sorted())"
        }
        return nil
    }

    private func isAllowed(_ event: Channel) -> Bool {
        switch event {
        case .created: seen.count == 1
        case .reserved: has(.created) && none(.rejected, .released)
        case .rejected: has(.created) && none(.reserved, .released)
        case .released: has(.created) && any(.declined, .cancelling) && none(.rejected, .confirmed)
        case .captured: has(.reserved) && none(.declined, .voided, .refunded)
        case .declined: has(.reserved) && none(.captured, .voided, .refunded)
        case .voided: has(.cancelling) && none(.captured, .declined, .refunded)
        case .refunded: has(.cancelling) && has(.reserved) && none(.declined, .voided)
        case .confirmed: has(.captured) && none(.cancelling, .cancelled, .refunded, .released)
        case .cancelling: has(.created) && none(.confirmed, .cancelled)
        case .cancelled: none(.confirmed) && isSettled
        }
    }

    private var isSettled: Bool {
        if has(.cancelling) { return any(.released, .rejected) && any(.declined, .voided, .refunded) }
        return has(.rejected) || has(.declined) && has(.released)
    }

    private func has(_ event: Channel) -> Bool { seen.contains(event) }

    private func any(_ events: Channel...) -> Bool { events.contains { seen.contains($0) } }

    private func none(_ events: Channel...) -> Bool { !events.contains { seen.contains($0) } }
}
