import HTTP

/// Every refusal of this service, in the words of its API.
extension Problem {
    static let noOrderID = Problem.badRequest(
        "Say which order with the parameter `orderId`, such as the `id` that POST /v1/orders answered with.")

    static let invalidOrderID = Problem.badRequest(
        "`orderId` must be a UUID, such as the `id` that POST /v1/orders answered with.")
}
