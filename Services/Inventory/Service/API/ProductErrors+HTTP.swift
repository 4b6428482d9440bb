import HTTP
import Kernel

/// Every refusal of this service, in the words of its API.
extension Problem {
    static func invalid(_ violations: [Violation]) -> Problem {
        .unprocessable(
            violations.map(\.detail).first ?? "The request can't be granted as it stands.",
            type: "/problems/invalid-product",
            // The SKU stands in the path, where no pointer into the body leads: `detail` has it.
            errors: violations.filter { $0.pointer != "/sku" })
    }

    static let keyReused = Problem.unprocessable(
        "This Idempotency-Key belongs to another delivery: send a new key with new goods, or the first request again.",
        type: "/problems/idempotency-key-reused")

    static let noSuchProduct = Problem.notFound(
        "Nothing is sold under this SKU: see GET /v1/products, or list it with PUT /v1/products/{sku}.")
}
