import HTTP
import Kernel

/// Every refusal of this service, in the words of its API.
extension Problem {
    static func invalid(_ violations: [Violation]) -> Problem {
        .unprocessable(
            violations.map(\.detail).first ?? "The request can't be granted as it stands.",
            type: "/problems/invalid-order",
            errors: violations)
    }

    static let keyReused = Problem.unprocessable(
        "This Idempotency-Key belongs to another request: send a new key with a new order, or the first body again.",
        type: "/problems/idempotency-key-reused")

    static let noSuchOrder = Problem.notFound(
        "There is no order with this id: use the `Location` that POST /v1/orders answered with.")

    static let confirmedAlready = Problem.conflict(
        "The order is confirmed and can't be cancelled any more.", type: "/problems/order-confirmed")
}
