import Contracts
import Kernel
import NotificationsDomain
import OrdersDomain
import PaymentsDomain

/// Finds out when a service heard what, from what it said.
///
/// Topics keep no order between them, and an event doesn't tell when it was heard. But a service writes what it says in
/// the transaction in which it heard the cause, with the version of its row, which counts every change. So of all the
/// orders in which it may have heard its events, one is looked for in which the decider says what is in the log, with
/// those versions, and nothing else; by time where several would do. Where there is none, as little as possible is
/// left unexplained.
///
/// The search goes from one point in the service's past to the next by `moves`, the likeliest first, and back where none
/// leads to the end of the log: first without a fault, then with one, and so on.
struct Retrace {
    /// Something the service did, and the state it was in then.
    struct Step: Sendable {
        /// The event that it heard or said, as a position in `events`.
        let event: Int
        let isSaid: Bool
        let state: RebuiltOrder
        /// Why this does not follow from what was before; nil where it does.
        var fault: String?
    }

    /// A point in the service's past.
    private struct Node: Hashable {
        var state = RebuiltOrder()
        /// A bit for each of `inputs`.
        private var heard: UInt64 = 0
        /// How many of `outputs` were said.
        var said = 0

        func hasHeard(_ input: Int) -> Bool { heard & (1 << UInt64(input)) != 0 }

        mutating func hear(_ input: Int) { heard |= 1 << UInt64(input) }
    }

    /// What the service may have done next: an input is a position in `inputs`, and what it says is the next of `outputs`.
    private enum Move {
        /// It heard something, and said nothing.
        case hear(Int)
        case say(Cause)
        /// It heard what contradicts its state, or leads to an event that isn't there.
        case hearAtFault(Int)
        /// It said what nothing leads to.
        case sayAtFault
    }

    /// What can have made a service say something.
    private enum Cause {
        case placing
        /// Of a customer or the clock.
        case command(OrderMessage)
        /// Of the gateway.
        case answers([PaymentMessage])
        /// An event, as a position in `inputs`, and the SKUs that fell short.
        case hearing(Int, short: [String])
    }

    private struct Attempt: Hashable {
        let node: Node
        let faultsLeft: Int
    }

    /// How many ways are tried; the events of the shop's own services never need more than some dozens.
    private static let attemptsMax = 20_000

    private let service: Service
    private let events: [LoggedEvent]
    private let placed: OrderCreated?
    /// What the service has heard, by time: positions in `events`.
    private let inputs: [Int]
    /// What the service has said, as it wrote it: positions in `events`.
    private let outputs: [Int]
    /// For each of `inputs`, how much the service must have said before: what led to it.
    private let saidBefore: [Int]
    /// Those from which no way leads to the end.
    private var hopeless: Set<Attempt> = []
    /// The way to where the search is.
    private var steps: [Step] = []

    private init(_ service: Service, _ log: OrderLog, hasHeard: (Service, LoggedEvent) -> Bool) {
        let events = log.events
        self.service = service
        self.events = events
        placed = log.created
        inputs = events.indices
            .filter {
                events[$0].topic.consumers.contains(service.rawValue) && hasHeard(service, events[$0])
            }
            .sorted { (events[$0].time, events[$0].envelope.id) < (events[$1].time, events[$1].envelope.id) }
        outputs = events.indices.filter { events[$0].topic.publisher == service.rawValue }
            .sorted {
                (events[$0].envelope.version, events[$0].envelope.id)
                    < (events[$1].envelope.version, events[$1].envelope.id)
            }
        let (inputs, outputs) = (inputs, outputs)
        saidBefore = inputs.map { input in
            let causes = log.causes(of: events[input])
            return (outputs.lastIndex { causes.contains(events[$0].envelope.id) } ?? -1) + 1
        }
    }

    /// What the service did, one after the other, as the order's events show it.
    ///
    /// - Parameter hasHeard: whether a service has read an event; of what it has not, nothing is concluded.
    static func steps(
        of service: Service, in log: OrderLog, hasHeard: (Service, LoggedEvent) -> Bool
    ) -> [Step] {
        var retrace = Retrace(service, log, hasHeard: hasHeard)
        guard service != .notifications else { return retrace.notices() }
        let all = retrace.inputs + retrace.outputs
        for faults in 0...all.count where retrace.hopeless.count < attemptsMax {
            if retrace.explain(Node(), faultsLeft: faults) { return retrace.steps }
        }
        let fault = "of \(all.count) events nobody can tell what \(service) made of them"
        return [Step(event: all[0], isSaid: false, state: RebuiltOrder(), fault: fault)]
    }

    /// Looks for a way from a node to the end of the log, with so many faults at most; `steps` has it where there is one.
    private mutating func explain(_ node: Node, faultsLeft: Int) -> Bool {
        if node.said == outputs.count, inputs.indices.allSatisfy(node.hasHeard) { return true }
        let attempt = Attempt(node: node, faultsLeft: faultsLeft)
        guard !hopeless.contains(attempt), hopeless.count < Self.attemptsMax else { return false }
        for move in moves(from: node, atFault: faultsLeft > 0) {
            guard let (step, after) = take(move, from: node) else { continue }
            steps.append(step)
            if explain(after, faultsLeft: step.fault == nil ? faultsLeft : faultsLeft - 1) { return true }
            steps.removeLast()
        }
        hopeless.insert(attempt)
        return false
    }

    /// What may come next, the likeliest first.
    private func moves(from node: Node, atFault: Bool) -> [Move] {
        let next = nextOutput(of: node)
        let unheard = inputs.indices.filter { !node.hasHeard($0) && saidBefore[$0] <= node.said }
        let isEarly = { (input: Int) in next.map { events[inputs[input]].time <= events[$0].time } ?? true }
        let early = unheard.filter(isEarly).map(Move.hear)
        let says = next.map { causes(of: events[$0], node) } ?? []
        // By the clock of another machine.
        let late = unheard.filter { !isEarly($0) }.map(Move.hear)
        let moves = early + says.map(Move.say) + late
        guard atFault else { return moves }
        return moves + unheard.map(Move.hearAtFault) + (next == nil ? [] : [.sayAtFault])
    }

    /// Where a move leads; nil where the deciders, or the versions, do not go along.
    private func take(_ move: Move, from node: Node) -> (Step, Node)? {
        switch move {
        case .hear(let input): hear(input, from: node)
        case .say(let cause): say(by: cause, from: node)
        case .hearAtFault(let input): hearAtFault(input, from: node)
        case .sayAtFault: sayAtFault(from: node)
        }
    }

    private func hear(_ input: Int, from node: Node) -> (Step, Node)? {
        var after = node
        after.hear(input)
        let event = inputs[input]
        let said = try? after.state.hear(events[event].fact, at: service, placed: placed)
        guard said == [] else { return nil }
        // What changes the row in silence has a version before that of the next event.
        if version(after) != version(node), let next = nextOutput(of: node) {
            guard version(after) < events[next].envelope.version else { return nil }
        }
        return (Step(event: event, isSaid: false, state: after.state), after)
    }

    private func say(by cause: Cause, from node: Node) -> (Step, Node)? {
        guard let output = nextOutput(of: node) else { return nil }
        let event = events[output]
        var after = node
        after.said += 1
        let said = try? apply(cause, of: event, to: &after)
        guard said == [event.fact], version(after) == event.envelope.version else { return nil }
        return (Step(event: output, isSaid: true, state: after.state), after)
    }

    private func hearAtFault(_ input: Int, from node: Node) -> (Step, Node)? {
        var after = node
        after.hear(input)
        let event = inputs[input]
        let fault: String
        do {
            let missing = try after.state.hear(events[event].fact, at: service, placed: placed)
            guard !missing.isEmpty else { return nil }
            let names = missing.map(\.topic.name).joined(separator: ", ")
            fault = "\(names) is missing, which \(service) says on hearing \(events[event].name)"
        } catch {
            fault = "\(events[event].name) can't be: \(error.words)"
        }
        return (Step(event: event, isSaid: false, state: after.state, fault: fault), after)
    }

    private func sayAtFault(from node: Node) -> (Step, Node)? {
        guard let output = nextOutput(of: node) else { return nil }
        let event = events[output]
        var after = node
        after.said += 1
        let fault =
            "\(event.name), version \(event.envelope.version), does not follow from what \(service) had heard"
        return (Step(event: output, isSaid: true, state: after.state, fault: fault), after)
    }

    /// What the service says next, as a position in `events`; nil where it has said everything.
    private func nextOutput(of node: Node) -> Int? {
        node.said < outputs.count ? outputs[node.said] : nil
    }

    private func version(_ node: Node) -> Int64 { node.state.versions[service] ?? 0 }
}

extension Retrace {
    /// What can have led to an event: the one that it names as its cause, or what is no event, a command or an answer
    /// of the gateway, for which it then stands.
    private func causes(of event: LoggedEvent, _ node: Node) -> [Cause] {
        let input = event.envelope.causationID.flatMap { id in
            inputs.firstIndex { events[$0].envelope.id == id }
        }
        if event.envelope.causationID != nil, input == nil { return [] }
        if let input, !node.hasHeard(input) {
            guard case .rejected(let rejected) = event.fact else { return [.hearing(input, short: [])] }
            return [.hearing(input, short: rejected.skus)]
        }
        switch event.fact {
        case .created: return node.state.order == nil ? [.placing] : []
        case .cancelling(let cancelling):
            return Canceller(rawValue: cancelling.reason.rawValue).map { [.command(.cancel(by: $0))] } ?? []
        case .captured: return [.answers([.gatewayCaptured])]
        case .declined(let declined): return [.answers([.gatewayDeclined(reason: declined.reason)])]
        // Of a refusal that came too late to matter nobody is told the reason.
        case .voided: return [.answers([.gatewayDeclined(reason: "")])]
        case .refunded:
            guard let input, case .reserved = events[inputs[input]].fact else {
                return [.answers([.gatewayRefunded])]
            }
            // The answer to a capture came after the cancellation: nobody hears of it but by the refund.
            return [.answers([.gatewayCaptured, .gatewayRefunded])]
        case .confirmed, .cancelled, .reserved, .rejected, .released, .sent: return []
        }
    }

    /// - Returns: what the service says then.
    private func apply(
        _ cause: Cause, of event: LoggedEvent, to node: inout Node
    ) throws(RebuiltOrder.Contradiction) -> [OrderFact] {
        switch cause {
        case .placing:
            node.state.place()
            return [event.fact]
        case .command(let message): return try node.state.decide(message, placed)
        case .answers(let messages):
            var said: [OrderFact] = []
            for message in messages {
                said += try node.state.decide(message, of: event.fact.event.orderId)
            }
            return said
        case .hearing(let input, let short):
            node.hear(input)
            return try node.state.hear(
                events[inputs[input]].fact, at: service, placed: placed, short: short)
        }
    }
}

extension Retrace {
    /// Notices are decided one by one, in whichever order their causes are heard, and may be told much later by mail.
    private func notices() -> [Step] {
        var state = RebuiltOrder()
        var steps: [Step] = []
        for event in inputs {
            var fault: String?
            do {
                _ = try state.hear(events[event].fact, at: service, placed: placed)
            } catch {
                fault = "\(events[event].name) can't be: \(error.words)"
            }
            steps.append(Step(event: event, isSaid: false, state: state, fault: fault))
        }
        var said: Set<NotificationKind> = []
        for event in outputs {
            guard case .sent(let sent) = events[event].fact else { continue }
            let isDecided = state.told.contains { $0.rawValue == sent.kind.rawValue }
            let isNew = said.insert(sent.kind).inserted
            let fault =
                isDecided && isNew
                ? nil : "\(events[event].name) does not follow from what notifications had heard"
            steps.append(Step(event: event, isSaid: true, state: state, fault: fault))
        }
        return steps
    }
}
