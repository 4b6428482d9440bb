package import Contracts
package import Kafka
package import Postgres

/// What a service does with the events it hears: the one thing an `EventConsumer` is not.
package protocol BatchHandler: Sendable {
    /// What a record means to this service: one enum, a case for each event it hears.
    associatedtype Message: Sendable

    /// The least time between the beginnings of two batches, unless the first was full: for events to gather in where
    /// nobody waits for what comes of them, since a batch costs about as much with one as with ten. An event that comes
    /// alone is handled at once all the same.
    var pace: Duration { get }

    /// Turns a record into a message, outside of any transaction.
    ///
    /// - Throws: `ContractError` for a record that no retry will make readable; it becomes a dead letter.
    func decode(_ record: KafkaRecord) throws(ContractError) -> Incoming<Message>

    /// Locks the rows a batch touches in the order of their keys, decides in memory with the pure decider, enqueues the
    /// writes, and returns the events that report them.
    ///
    /// Called again with the same messages after a rollback, so it may have no effect outside of `transaction`; what has
    /// to happen once it is committed goes into `Handled.afterCommit`.
    func handle(
        _ batch: [Incoming<Message>], in transaction: PostgresTransaction
    ) async throws -> Handled
}

extension BatchHandler {
    package var pace: Duration { .zero }
}

/// A message with the envelope it came in.
package struct Incoming<Message: Sendable>: Sendable {
    package let event: CloudEvent
    package let message: Message

    package init(event: CloudEvent, message: Message) {
        self.event = event
        self.message = message
    }
}

/// What handling a batch led to.
package struct Handled: Sendable {
    /// For the outbox, in this order.
    package var events: [OutgoingEvent] = []
    /// Contradictions the decider found: impossible by the rules of the dance, so each is logged as an error.
    package var alarms: [String] = []
    /// Runs once, after the commit: hand-overs within the process.
    ///
    /// Must not block.
    package var afterCommit: (@Sendable () -> Void)?

    package init() {}
}

extension CloudEvent {
    /// Reads the envelope of a record.
    ///
    /// - Throws: `ContractError`, which sends the record to the dead letters.
    package init(headers: KafkaHeaders) throws(ContractError) {
        try self.init { headers.last(named: $0) }
    }
}

extension KafkaRecord {
    /// Reads the envelope and the event of type `E`, and checks that they agree with each other and with the key.
    package func decode<E: Event, Message>(
        _ type: E.Type, as message: (E) -> Message
    ) throws(ContractError) -> Incoming<Message> {
        let cloudEvent = try CloudEvent(headers: headers)
        guard cloudEvent.type == E.topic.name else { throw .unknownType(cloudEvent.type, topic: topic) }
        let event = try EventCoding.decode(E.self, from: value ?? [])
        guard let key, event.key.utf8.elementsEqual(key) else { throw .keyMismatch }
        return Incoming(event: cloudEvent, message: message(event))
    }
}
