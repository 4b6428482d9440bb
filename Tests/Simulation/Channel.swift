import Contracts
import OrdersDomain

package enum Service: String, Hashable, Sendable, CaseIterable {
    case orders
    case inventory
    case payments
    case notifications

    var index: Int {
        switch self {
        case .orders: 0
        case .inventory: 1
        case .payments: 2
        case .notifications: 3
        }
    }
}

/// The topics that somebody acts on, under their real names.
package enum Channel: String, Hashable, Sendable, CaseIterable {
    case created = "orders.created"
    case confirmed = "orders.confirmed"
    case cancelling = "orders.cancelling"
    case cancelled = "orders.cancelled"
    case reserved = "inventory.reserved"
    case rejected = "inventory.rejected"
    case released = "inventory.released"
    case captured = "payments.captured"
    case declined = "payments.declined"
    case voided = "payments.voided"
    case refunded = "payments.refunded"

    /// Keys are spread over this many partitions; inside one they have an order among each other.
    static let partitions = 2

    static let indices: [Channel: Int] = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })
}

/// One partition of a topic as one of its consumers sees it.
struct Stream: Hashable, Sendable {
    let channel: Channel
    let consumer: Service
    let partition: Int
    /// Where `World.logs` has the partition.
    let log: Int

    /// From the shop's own table of topics, so that the simulation hears what the services hear.
    static let all: [Stream] = Channel.allCases.enumerated().flatMap { index, channel in
        let consumers = Topic.all.first { $0.name == channel.rawValue }?.consumers ?? []
        return consumers.compactMap { Service(rawValue: $0) }.flatMap { consumer in
            (0..<Channel.partitions).map { partition in
                Stream(
                    channel: channel, consumer: consumer, partition: partition,
                    log: index * Channel.partitions + partition)
            }
        }
    }
}

/// An event in an outbox and on a topic; a repeated one is the same to the last bit.
struct Record: Hashable, Sendable {
    let channel: Channel
    let order: Int
    let reason: CancelReason?
}
