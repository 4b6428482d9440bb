import HTTP

/// Every refusal of this service, in the words of its API.
extension Problem {
    static let noSuchPayment = Problem.notFound(
        "There is no payment for this order: there is one as soon as its stock is held. Ask again, or check the id."
    )
}
