import Contracts
import FoundationEssentials
import Kernel

/// What a service said.
struct WebAnswer: Sendable {
    let status: Int
    let body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as `Value`.
    ///
    /// - Throws: `Failure` with the words of the service where it refused.
    func decode<Value: Decodable>(_ type: Value.Type) throws(Failure) -> Value {
        guard (200..<300).contains(status) else { throw refusal }
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw Failure("the answer is not what this version of the tool understands")
        }
    }

    /// The refusal in the words of the problem document (RFC 9457), which say the way out.
    var refusal: Failure {
        struct Problem: Decodable {
            struct Field: Decodable {
                let detail: String
            }
            let detail: String?
            let title: String?
            let errors: [Field]?
        }
        guard let problem = try? JSONDecoder().decode(Problem.self, from: Data(body)) else {
            return Failure("the service answered with status \(status)")
        }
        var details = [problem.detail ?? problem.title ?? "status \(status)"]
        for field in problem.errors ?? [] where !details.contains(field.detail) {
            details.append(field.detail)
        }
        return Failure(details.joined(separator: " ").oneLine)
    }
}

/// An order as the service describes it.
struct OrderAnswer: Decodable, Sendable {
    let id: Identifier
    let customerId: String
    let status: String
    let reason: String?
    let lines: [OrderCreated.Line]
    let total: Money
    let createdAt: Timestamp
    let updatedAt: Timestamp

    var words: String { reason.map { "\(status): \($0)" } ?? status }

    /// For people, a fact in a line.
    var text: String {
        let took = updatedAt.since(createdAt)
        var facts = [
            ("order", id.description), ("status", words), ("customer", customerId), ("total", total.text),
        ]
        facts += lines.map { ("line", "\($0.quantity) x \($0.sku) at \($0.unitPrice.text)") }
        facts.append(("placed", createdAt.description))
        if took > .zero {
            facts.append(("changed", "\(updatedAt), \(Table.Cell.seconds(took / .seconds(1)).text) later"))
        }
        return facts.map { "\($0.padded(to: 8))  \($1.oneLine)" }.joined(separator: "\n")
    }
}

/// A page of orders.
struct OrderPage: Decodable, Sendable {
    let orders: [OrderAnswer]
    let nextCursor: String?
}

/// A page of products.
struct ProductPage: Decodable, Sendable {
    struct Product: Decodable, Sendable {
        let sku: String
        let name: String
        let price: Money
        let available: Int64
        let reserved: Int64
        let sold: Int64
    }

    let products: [Product]
    let nextCursor: String?
}
