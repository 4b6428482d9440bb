import OrdersDomain

/// The body of `POST /v1/orders`.
///
/// There is no price in it: a client never says what things cost.
struct OrderRequest: Decodable, Sendable {
    struct Line: Decodable, Sendable {
        let sku: String
        let quantity: Int64
    }

    let customerId: String
    let email: String?
    let lines: [Line]
    let paymentToken: String

    var draft: OrderDraft {
        OrderDraft(
            customerId: customerId, email: email,
            lines: lines.map { OrderDraft.Line(sku: $0.sku, quantity: $0.quantity) },
            paymentToken: paymentToken)
    }
}

extension OrderDraft {
    /// The same text for the same request, whatever its spaces, the order of its fields or fields we don't know.
    ///
    /// Separated by a control character, which no field may have.
    var canonical: String {
        let fields =
            [customerId, email ?? "", paymentToken] + lines.flatMap { [$0.sku, String($0.quantity)] }
        return fields.joined(separator: "\u{1F}")
    }
}
