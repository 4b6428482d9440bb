package import Kernel

/// A fact that one service publishes and others hear; the type fixes its topic.
///
/// A contract only grows: a field may be added if readers can do without it; anything else is a new type on a new
/// topic. `Tests/ContractsTests/Golden` holds a file of each one ever released, and all must decode for ever. A service that
/// needs little of a large event may read it as a type of its own, with the same topic and those fields alone.
/// `asyncapi.json` beside this file says all of it to who reads no Swift, and `AsyncAPITests` that it is true.
package protocol Event: Codable, Sendable, Equatable {
    static var topic: Topic { get }

    /// The Kafka key, and `ce_subject`: what `Topic.key` says of the event's topic.
    var key: String { get }

    /// Refuses values that can't be right, by the bounds of `EventRule`; `EventCoding.decode` asks for it.
    ///
    /// - Throws: `ContractError.undecodable`, which names the field and never repeats the value.
    func validate() throws(ContractError)
}

extension Event {
    /// Nothing that could be wrong.
    package func validate() throws(ContractError) {}
}

/// An event about one order.
package protocol OrderEvent: Event {
    var orderId: Identifier { get }
}

extension OrderEvent {
    package var key: String { orderId.description }
}
