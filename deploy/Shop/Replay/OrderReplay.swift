import Contracts
import Kernel

/// An order as its events tell it, one after the other, and what it came to.
struct OrderReplay: Sendable {
    /// An event, and the state of the order after it.
    struct Line: Sendable {
        let event: LoggedEvent
        let after: RebuiltOrder
    }

    let order: Identifier
    /// Each event after its cause, and after what its service must have heard before; else by time.
    let lines: [Line]
    /// What does not follow from the rest; empty where the events are what the deciders make of them.
    let faults: [String]
    let placed: OrderCreated?

    /// What it came to in the end.
    var last: RebuiltOrder { lines.last?.after ?? RebuiltOrder() }

    /// Runs an order's events through the deciders.
    ///
    /// - Parameter hasHeard: whether a service has read an event already; it does nothing about the others.
    init(_ log: OrderLog, hasHeard: (Service, LoggedEvent) -> Bool = { _, _ in true }) {
        let traces = Service.allCases.map { service in
            (service: service, steps: Retrace.steps(of: service, in: log, hasHeard: hasHeard))
        }
        var sequence = Sequencing(log.events)
        // What a customer is told depends on its cause alone.
        for trace in traces where trace.service != .notifications { sequence.follow(trace.steps) }
        let positions = sequence.sorted()

        var state = RebuiltOrder()
        var next = Dictionary(uniqueKeysWithValues: traces.map { ($0.service, 0) })
        var shown: Set<Int> = []
        var lines: [Line] = []
        for position in positions {
            shown.insert(position)
            for (service, steps) in traces {
                while let index = next[service], index < steps.count, shown.contains(steps[index].event) {
                    state.adopt(service, from: steps[index].state)
                    next[service] = index + 1
                }
            }
            lines.append(Line(event: log.events[position], after: state))
        }
        order = log.order
        self.lines = lines
        placed = log.created
        faults =
            log.faults + traces.flatMap { $0.steps.compactMap(\.fault) }
            + Self.echoes(of: log, in: state, hasHeard)
    }

    /// The same order when it had so many events.
    init(_ whole: OrderReplay, until count: Int) {
        order = whole.order
        lines = Array(whole.lines.prefix(count))
        faults = []
        placed = whole.placed
    }

    /// Has each service hear again what stands in Kafka more than once, in the state it is in by now.
    ///
    /// - Returns: what that would change, which is nothing.
    private static func echoes(
        of log: OrderLog, in last: RebuiltOrder, _ hasHeard: (Service, LoggedEvent) -> Bool
    ) -> [String] {
        var faults: [String] = []
        for event in log.events where event.offsets.count > 1 {
            for service in Service.allCases
            where event.topic.consumers.contains(service.rawValue) && hasHeard(service, event) {
                var state = last
                let said = try? state.hear(event.fact, at: service, placed: log.created)
                if said != [] || state != last {
                    faults.append("\(event.name), heard once more, changes what \(service) knows")
                }
            }
        }
        return faults
    }
}

/// Puts the events of an order into one sequence.
private struct Sequencing {
    private let events: [LoggedEvent]
    /// For each event, those that must come before.
    private var before: [Set<Int>]

    init(_ events: [LoggedEvent]) {
        self.events = events
        let positions = Dictionary(
            events.enumerated().map { ($0.element.envelope.id, $0.offset) },
            uniquingKeysWith: { first, _ in first })
        before = events.map { event in
            Set(event.envelope.causationID.flatMap { positions[$0] }.map { [$0] } ?? [])
        }
    }

    /// What a service has said comes after what it had done before.
    mutating func follow(_ steps: [Retrace.Step]) {
        for (index, step) in steps.enumerated() where step.isSaid && step.fault == nil {
            before[step.event].formUnion(steps[..<index].filter { $0.fault == nil }.map(\.event))
            before[step.event].remove(step.event)
        }
    }

    /// By time, but none before what must come before it; forged events may leave no other way than by time alone.
    func sorted() -> [Int] {
        var rest = events.indices.sorted { left, right in
            let (one, other) = (events[left].envelope, events[right].envelope)
            return (one.time, one.version, one.id) < (other.time, other.version, other.id)
        }
        var done: Set<Int> = []
        var sequence: [Int] = []
        while !rest.isEmpty {
            let place = rest.firstIndex { before[$0].isSubset(of: done) } ?? 0
            let event = rest.remove(at: place)
            done.insert(event)
            sequence.append(event)
        }
        return sequence
    }
}
