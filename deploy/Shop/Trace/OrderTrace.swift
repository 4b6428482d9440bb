import Contracts
import Kernel

/// An order's way through the services: each event below the one that led to it, and where the time went.
///
/// Made of what the events say anyway, so it can be had of any order that Kafka still knows, and costs the services
/// nothing. The clocks are those of the services and of their Kafka clients.
struct OrderTrace: Sendable {
    /// An event, and what led to it.
    struct Step: Sendable {
        let event: LoggedEvent
        /// Nil where a client or a clock did, and where it is not in Kafka any more.
        let cause: LoggedEvent?
        /// How many events led to it, one after the other.
        let depth: Int

        /// When its cause was there for the service to hear.
        var heard: Timestamp? { cause.map { $0.publishedAt ?? $0.time } }
    }

    let order: Identifier
    /// Each after its cause, those of one cause by time.
    let steps: [Step]

    init(_ log: OrderLog) {
        order = log.order
        let events = log.events.sorted {
            ($0.time, $0.envelope.version, $0.envelope.id) < ($1.time, $1.envelope.version, $1.envelope.id)
        }
        let known = Dictionary(
            events.map { ($0.envelope.id, $0) }, uniquingKeysWith: { first, _ in first })
        var effects: [Identifier: [LoggedEvent]] = [:]
        var roots: [LoggedEvent] = []
        for event in events {
            if let cause = event.envelope.causationID, known[cause] != nil {
                effects[cause, default: []].append(event)
            } else {
                roots.append(event)
            }
        }
        var steps: [Step] = []
        var shown: Set<Identifier> = []
        // Events that name each other as their causes are forged, and below none of the roots.
        var rest = (roots + events).reversed().map { Step(event: $0, cause: nil, depth: 0) }
        while let step = rest.popLast() {
            guard shown.insert(step.event.envelope.id).inserted else { continue }
            steps.append(step)
            for effect in (effects[step.event.envelope.id] ?? []).reversed() {
                rest.append(Step(event: effect, cause: step.event, depth: step.depth + 1))
            }
        }
        self.steps = steps
    }

    /// The first and the last moment of all.
    var bounds: ClosedRange<Timestamp>? {
        let moments = steps.flatMap { [$0.event.time, $0.event.publishedAt, $0.heard].compactMap { $0 } }
        guard let first = moments.min(), let last = moments.max() else { return nil }
        return first...last
    }
}

/// A stretch of an order's way, as OpenTelemetry has it.
///
/// Names: semantic conventions for messaging, `{operation} {destination}`.
struct TraceSpan: Sendable {
    enum Kind: Int, Sendable, Codable {
        /// From an event to its record in Kafka: in the outbox, and with the relay.
        case producer = 4
        /// From a record in Kafka to the event that a service answered with.
        case consumer = 5
    }

    let id: UInt64
    /// Nil where nothing led to it, not even a client's trace context.
    let parent: UInt64?
    let kind: Kind
    let service: String
    /// What was sent or heard.
    let record: LoggedEvent
    let start: Timestamp
    /// Never before the start, whatever two clocks say.
    let end: Timestamp

    var operation: String {
        switch kind {
        case .producer: "send"
        case .consumer: "process"
        }
    }
    var name: String { "\(operation) \(record.topic.name)" }
    var duration: Duration { end.since(start) }
}

extension OrderTrace {
    /// The client's trace, where it has sent one with its order; else one with the order's id as its own.
    var id: String { context?.trace ?? order.description.filter { $0 != "-" } }

    private var context: (trace: String, parent: UInt64)? {
        let parts = steps.lazy.compactMap(\.event.envelope.traceparent).first?.split(separator: "-") ?? []
        // Of nothing but zeros either is invalid, and then all of it is to be ignored: W3C Trace Context.
        guard parts.count == 4, let parent = UInt64(parts[2], radix: 16), parent != 0,
            parts[1].contains(where: { $0 != "0" })
        else { return nil }
        return (String(parts[1]), parent)
    }

    /// Two spans for each event: a service's work on what led to it, and its way to Kafka.
    ///
    /// Their ids follow from the event's, so a trace that is sent twice is the same.
    var spans: [TraceSpan] {
        let root = steps.first?.event.envelope.id.low
        return steps.flatMap { step in
            let event = step.event
            let own = event.envelope.id.low
            let sent = TraceSpan(
                id: own, parent: step.cause != nil ? ~own : own == root ? context?.parent : root,
                kind: .producer, service: event.topic.publisher, record: event, start: event.time,
                end: max(event.time, event.publishedAt ?? event.time))
            guard let cause = step.cause, let heard = step.heard else { return [sent] }
            let processed = TraceSpan(
                id: ~own, parent: cause.envelope.id.low, kind: .consumer, service: event.topic.publisher,
                record: cause, start: min(heard, event.time), end: event.time)
            return [processed, sent]
        }
    }
}
