/// One step of an order on its way through the shop; the pretty log draws each as one line with these arrows.
///
/// ```
/// orders        12:00:01.110 ▶ 9f3c  orders.created            p2@41
/// inventory     12:00:01.131 ◀ 9f3c  orders.created            +21ms
/// ```
package enum FlowStep: String, Sendable {
    /// A request of a client came in.
    case request = "●"
    /// An event went out to Kafka and was acknowledged.
    case published = "▶"
    /// An event came in, and its effects are committed.
    case received = "◀"
    /// A refusal: declined, rejected.
    case refused = "✖"
    /// Something was given back.
    case compensated = "↩"
    /// A customer was told.
    case told = "✉"
    /// The order has ended.
    case ended = "■"
}

extension Logger {
    /// Logs one step of an order at `info`.
    ///
    /// `name` is what happened: an event's type or a request line, from a closed set. `detail` is a few words
    /// a person wants to see beside it; never a payload, an address or a token.
    package func flow(_ step: FlowStep, order: String, _ name: String, detail: String = "") {
        guard logLevel <= .info else { return }
        info(
            "flow",
            metadata: [
                LogKey.orderID: order, LogKey.eventType: name, FlowKey.step: step.rawValue,
                FlowKey.detail: detail,
            ])
    }
}

/// The keys that mark a line as a step of the event flow.
package enum FlowKey {
    package static let step = "flow.step"
    package static let detail = "flow.detail"
}
