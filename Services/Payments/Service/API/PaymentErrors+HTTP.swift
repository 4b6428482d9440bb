import HTTP

/// Every refusal of this service, in the words of its API.
extension Problem {
    static let noSuchPayment = Problem.notFound(
        "There is no payment for this order yet: ask again when its stock is held, or check the id."
    )
}
