/// `shop health`: for a container, which has no curl.
enum HealthCommand {
    static let health = Command(
        verb: nil, summary: "exit with 0 when a URL answers with success", operands: [Operand(name: "URL")],
        details: "Says nothing unless it fails. Example: shop health http://127.0.0.1:8080/readyz",
        run: { arguments, shop in
            let url = arguments.operand() ?? ""
            guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
                throw UsageError("a URL begins with http:// or https://, not `\(url)`")
            }
            let answer = try await shop.web.send(.get, url, timeout: .seconds(4))
            guard (200..<300).contains(answer.status) else { throw answer.refusal }
            return .success
        })
}
