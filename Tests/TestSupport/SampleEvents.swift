package import Contracts
package import Kafka
package import Kernel
import Messaging

extension CloudEvent {
    /// The envelope of some event about an order, as a handler gets it.
    package static func about(_ id: Identifier, at time: Timestamp = .now()) -> CloudEvent {
        CloudEvent(
            id: .fresh(), type: "orders.created", time: time, subject: id.description, correlationID: id,
            causationID: nil, traceparent: nil, version: 1)
    }
}

extension KafkaRecord {
    /// An event as it stands in its topic.
    package init(_ event: some Event, at time: Timestamp = .now()) throws {
        let topic = type(of: event).topic.name
        let envelope = CloudEvent(
            id: .fresh(), type: topic, time: time, subject: event.key, correlationID: Identifier(event.key),
            causationID: nil, traceparent: nil, version: 1)
        self.init(
            topic: topic, partition: 0, offset: 0, timestamp: 0, key: Array(event.key.utf8),
            value: try EventCoding.encode(event),
            headers: envelope.headers.map { (name: $0.name, value: Array($0.value.utf8)) })
    }
}
