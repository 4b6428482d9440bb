/// The events of one order, those of each publisher in the order in which it wrote them.
struct OrderPath: Hashable, Sendable {
    let orders: String
    let inventory: String
    let payments: String

    private static let ordersLegal: Set = [
        "created", "created confirmed", "created cancelled", "created cancelling",
        "created cancelling cancelled",
    ]
    private static let inventoryLegal: Set = ["", "reserved", "rejected", "released", "reserved released"]
    private static let paymentsLegal: Set = [
        "", "captured", "declined", "voided", "captured refunded", "refunded",
    ]

    private func has(_ event: String) -> Bool {
        [orders, inventory, payments].contains { $0.split(separator: " ").contains { $0 == event } }
    }

    /// Why this is no step of the dance; nil where it is one.
    ///
    /// Written from the diagram and not from the deciders, so that it is a second opinion. A cause is
    /// committed before its effects, so any moment's events are a legal path; at rest it is one that has
    /// ended.
    func fault(atRest: Bool) -> String? {
        guard Self.ordersLegal.contains(orders) else { return "orders said \(quoted(orders))" }
        guard Self.inventoryLegal.contains(inventory) else { return "inventory said \(quoted(inventory))" }
        guard Self.paymentsLegal.contains(payments) else { return "payments said \(quoted(payments))" }
        return causeFault ?? endFault
            ?? (atRest && !has("confirmed") && !has("cancelled") ? "it has not ended" : nil)
    }

    /// An event without the one that must have led to it.
    private var causeFault: String? {
        if has("captured") || has("declined") || has("refunded"), !has("reserved") {
            return "money moved without stock being held"
        }
        if has("voided") || has("refunded"), !has("cancelling") { return "money was given back unasked" }
        if has("released"), !has("cancelling"), !has("declined") { return "stock was given back unasked" }
        return nil
    }

    /// An end that the facts don't bear out.
    private var endFault: String? {
        if has("confirmed") {
            guard inventory == "reserved", payments == "captured" else {
                return "confirmed without stock or money"
            }
        } else if has("cancelled") {
            let isStockBack = has("rejected") || has("released")
            let isMoneyBack = has("declined") || has("voided") || has("refunded")
            let isRejected = has("rejected") && payments.isEmpty && !has("cancelling")
            guard isRejected || (isStockBack && isMoneyBack) else {
                return "cancelled without giving all back"
            }
            guard has("cancelling") || has("rejected") || has("declined") else {
                return "cancelled without a reason"
            }
        }
        return nil
    }

    private func quoted(_ path: String) -> String { path.isEmpty ? "nothing" : "`\(path)`" }
}
