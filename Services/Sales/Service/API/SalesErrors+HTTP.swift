import HTTP

/// Every refusal of this service, in the words of its API.
extension Problem {
    static let notMinutes = Problem.badRequest(
        "`minutes` must be a whole number from 1 to \(SalesRoutes.minutesMax).")
}
