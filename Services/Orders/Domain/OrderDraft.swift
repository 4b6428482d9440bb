package import Kernel

/// An order as a client asks for it, before it has a price.
package struct OrderDraft: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package let sku: String
        package let quantity: Int64

        package init(sku: String, quantity: Int64) {
            self.sku = sku
            self.quantity = quantity
        }
    }

    package static let linesMax = 100
    package static let quantityMax: Int64 = 10_000
    package static let textMax = 100

    package let customerId: String
    package let email: String?
    package let lines: [Line]
    package let paymentToken: String

    package init(customerId: String, email: String?, lines: [Line], paymentToken: String) {
        self.customerId = customerId
        self.email = email
        self.lines = lines
        self.paymentToken = paymentToken
    }

    /// Everything wrong with it that needs no price list to see; empty when it may be priced.
    package var violations: [Violation] {
        var found = textViolations
        if lines.isEmpty { found.append(Violation("/lines", "Order at least one line.")) }
        if lines.count > Self.linesMax {
            found.append(Violation("/lines", "Order at most \(Self.linesMax) lines; split the order."))
        }
        var seen: Set<String> = []
        // Of a list that is too long, the rest is not looked at: the work per request stays bounded.
        for (index, line) in lines.prefix(Self.linesMax).enumerated() {
            found += line.violations(at: "/lines/\(index)")
            if !seen.insert(line.sku).inserted {
                found.append(
                    Violation("/lines/\(index)/sku", "Name each SKU once, with the quantities added up."))
            }
        }
        return found
    }

    private var textViolations: [Violation] {
        var found: [Violation] = []
        for (name, text) in [("customerId", customerId), ("paymentToken", paymentToken)] {
            if !TextRule.accepts(text, lengths: 1...Self.textMax) {
                let rule = "Send 1 to \(Self.textMax) characters, none of them a control character."
                found.append(Violation("/\(name)", rule))
            } else if CardNumber.appears(in: text) {
                found.append(Self.cardViolation("/\(name)"))
            }
        }
        if let email {
            if !TextRule.acceptsAddress(email) {
                found.append(
                    Violation("/email", "Send one address like name@example.org, or leave the field out."))
            } else if CardNumber.appears(in: email) {
                found.append(Self.cardViolation("/email"))
            }
        }
        return found
    }

    static func cardViolation(_ pointer: String) -> Violation {
        Violation(
            pointer,
            "This looks like a card number, which is never stored here: send the payment gateway's token.")
    }
}

extension OrderDraft.Line {
    func violations(at pointer: String) -> [Violation] {
        var found: [Violation] = []
        if !TextRule.acceptsSKU(sku) {
            found.append(
                Violation("\(pointer)/sku", "A SKU has 1 to 64 letters, digits, dots, dashes or underscores.")
            )
        } else if CardNumber.appears(in: sku, digits: 15...19) {
            // From 15 digits on: a trade item number (GTIN) has at most 14 and may well be a SKU.
            found.append(OrderDraft.cardViolation("\(pointer)/sku"))
        }
        if !(1...OrderDraft.quantityMax).contains(quantity) {
            found.append(
                Violation("\(pointer)/quantity", "Order between 1 and \(OrderDraft.quantityMax) of a SKU."))
        }
        return found
    }
}
