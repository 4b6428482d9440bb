package import Contracts
package import Kernel
package import Postgres

/// An event on its way into the outbox: encoded once, here, and never again.
package struct OutgoingEvent: Sendable {
    package let id: Identifier
    package let topic: String
    package let key: String
    package let version: Int64
    package let causationID: Identifier?
    package let traceparent: String?
    package let time: Timestamp
    package let payload: String

    /// - Parameters:
    ///   - version: the version of the row whose change this reports.
    ///   - cause: the event that led to this one; nil where a person or a clock did.
    ///   - traceparent: the caller's W3C trace context, where no event is the cause.
    package init(
        _ event: some Event, version: Int64, cause: CloudEvent?, traceparent: String? = nil,
        at time: Timestamp
    ) throws {
        self.id = .v7(at: time)
        self.topic = type(of: event).topic.name
        self.key = event.key
        self.version = version
        self.causationID = cause?.id
        self.traceparent = cause?.traceparent ?? traceparent
        self.time = time
        self.payload = String(decoding: try EventCoding.encode(event), as: UTF8.self)
    }

    /// The copy of a dead letter, the one event whose topic depends on who sends it.
    init(deadLetter: DeadLettered, topic: String, key: String, at time: Timestamp) throws {
        self.id = .v7(at: time)
        self.topic = topic
        self.key = key
        self.version = 1
        self.causationID = nil
        self.traceparent = nil
        self.time = time
        self.payload = String(decoding: try EventCoding.encode(deadLetter), as: UTF8.self)
    }
}

/// The transactional outbox: what a service says, written in the transaction that makes it true.
package enum Outbox {
    private static let insert = PostgresStatement(
        "outbox.insert",
        """
        INSERT INTO outbox (event_id, topic, key, version, causation_id, traceparent, occurred_at, payload)
        SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), unnest($4::bigint[]), unnest($5::uuid[]),
            unnest($6::text[]), unnest($7::timestamptz[]), unnest($8::text[])
        """)

    /// Adds `events`, in their order, as the last writes of `transaction`.
    ///
    /// Last, because the number that orders the events of a key must be drawn while that key's row is locked: state
    /// first, events last. After the commit the caller wakes the relay.
    package static func append(_ events: [OutgoingEvent], to transaction: PostgresTransaction) {
        guard !events.isEmpty else { return }
        transaction.enqueue(
            insert(
                events.map(\.id), events.map(\.topic), events.map(\.key), events.map(\.version),
                events.map(\.causationID), events.map(\.traceparent), events.map(\.time),
                events.map(\.payload)))
    }
}
