import Kernel
import OrdersDomain
import Testing

@Suite("Order drafts")
struct OrderDraftTests {
    func draft(
        customerId: String = "customer-1", email: String? = "ada@example.org",
        lines: [OrderDraft.Line] = [OrderDraft.Line(sku: "mug-blue", quantity: 2)],
        paymentToken: String = "tok_visa"
    ) -> OrderDraft {
        OrderDraft(customerId: customerId, email: email, lines: lines, paymentToken: paymentToken)
    }

    func pointers(_ draft: OrderDraft) -> [String] { draft.violations.map(\.pointer) }

    @Test func `a sane draft has no violations, with an address and without`() {
        #expect(draft().violations.isEmpty)
        #expect(draft(email: nil).violations.isEmpty)
    }

    @Test func `texts are bounded and free of control characters`() {
        #expect(pointers(draft(customerId: "")) == ["/customerId"])
        #expect(pointers(draft(customerId: String(repeating: "x", count: 100))).isEmpty)
        #expect(pointers(draft(customerId: String(repeating: "x", count: 101))) == ["/customerId"])
        #expect(pointers(draft(customerId: "a\u{0}b")) == ["/customerId"])
        #expect(pointers(draft(paymentToken: "")) == ["/paymentToken"])
        #expect(pointers(draft(paymentToken: "tok\r\nBcc: all")) == ["/paymentToken"])
    }

    @Test(arguments: [
        "", "a@", "@b", "a@b@c", "a b@c.org", "a@b..org", "a@b.org\r\nBcc: x@y.org", "<a@b.org>",
        "a@b.org, c@d.org", "a>\u{301}@b.org", "a@b@\u{301}c.org", "a@b.\u{301}.org\u{2028}",
        String(repeating: "a", count: 250) + "@b.org", "jörg@example.org", "ada@müller.example",
    ])
    func `what is no single address is refused`(email: String) {
        #expect(pointers(draft(email: email)) == ["/email"])
    }

    @Test func `an order has 1 to 100 lines`() {
        func lines(_ count: Int) -> [OrderDraft.Line] {
            (0..<count).map { OrderDraft.Line(sku: "sku-\($0)", quantity: 1) }
        }
        #expect(pointers(draft(lines: [])) == ["/lines"])
        #expect(pointers(draft(lines: lines(100))).isEmpty)
        #expect(pointers(draft(lines: lines(101))) == ["/lines"])
    }

    @Test(arguments: [
        (Int64.min, false), (-1, false), (0, false), (1, true), (10_000, true), (10_001, false),
    ])
    func `a quantity is 1 to 10,000`(quantity: Int64, good: Bool) {
        let found = pointers(draft(lines: [OrderDraft.Line(sku: "mug", quantity: quantity)]))
        #expect(found == (good ? [] : ["/lines/0/quantity"]))
    }

    @Test func `a SKU is named once`() {
        let twice = [OrderDraft.Line(sku: "mug", quantity: 1), OrderDraft.Line(sku: "mug", quantity: 2)]
        #expect(pointers(draft(lines: twice)) == ["/lines/1/sku"])
    }

    @Test(arguments: ["", "a b", "a/b", "größe", "a\u{0}", String(repeating: "x", count: 65)])
    func `a SKU needs no escaping`(sku: String) {
        #expect(pointers(draft(lines: [OrderDraft.Line(sku: sku, quantity: 1)])) == ["/lines/0/sku"])
    }

    @Test func `a card number is refused in every text, and never repeated`() {
        let card = "4111 1111 1111 1111"
        #expect(pointers(draft(customerId: card)) == ["/customerId"])
        #expect(pointers(draft(paymentToken: card)) == ["/paymentToken"])
        #expect(pointers(draft(email: "4111111111111111@example.org")) == ["/email"])
        let line = OrderDraft.Line(sku: "4111-1111-1111-1111", quantity: 1)
        #expect(pointers(draft(lines: [line])) == ["/lines/0/sku"])
        #expect(draft(customerId: card).violations.allSatisfy { !$0.detail.contains("4111") })
    }

    @Test func `text that is too long is not searched for card numbers`() {
        let long = String(repeating: "4111-1111-1111-1111 ", count: 20)
        #expect(pointers(draft(customerId: long)) == ["/customerId"])
        #expect(pointers(draft(paymentToken: long)) == ["/paymentToken"])
        #expect(pointers(draft(email: "4111111111111111@" + long)) == ["/email"])
        let sku = String(long.filter { $0 != " " })
        #expect(pointers(draft(lines: [OrderDraft.Line(sku: sku, quantity: 1)])) == ["/lines/0/sku"])
    }

    @Test func `everything wrong is told at once`() {
        let bad = draft(
            customerId: "", email: "x", lines: [OrderDraft.Line(sku: "", quantity: 0)], paymentToken: "")
        #expect(
            Set(pointers(bad))
                == ["/customerId", "/email", "/paymentToken", "/lines/0/sku", "/lines/0/quantity"])
    }

    // Pricing

    let mug = Money(amount: 1250, currency: .eur)

    @Test func `the total is the sum of the lines at the list's prices`() throws {
        let lines = [OrderDraft.Line(sku: "mug", quantity: 2), OrderDraft.Line(sku: "tea", quantity: 3)]
        let prices = ["mug": mug, "tea": Money(amount: 833, currency: .eur), "else": mug]
        let order = try draft(lines: lines).priced(by: prices)
        #expect(order.total == Money(amount: 4999, currency: .eur))
        #expect(order.lines.map(\.unitPrice.amount) == [1250, 833])
        #expect(order.lines.map(\.quantity) == [2, 3])
    }

    func refusal(_ draft: OrderDraft, _ prices: [String: Money]) -> [String] {
        do {
            _ = try draft.priced(by: prices)
            return []
        } catch {
            return error.violations.map(\.pointer)
        }
    }

    @Test func `unknown SKUs are all named`() {
        let lines = ["nix", "mug", "nada"].map { OrderDraft.Line(sku: $0, quantity: 1) }
        #expect(refusal(draft(lines: lines), ["mug": mug]) == ["/lines/0/sku", "/lines/2/sku"])
    }

    @Test func `an order has one currency`() throws {
        let dollar = try #require(Currency("USD"))
        let lines = ["mug", "tea"].map { OrderDraft.Line(sku: $0, quantity: 1) }
        let prices = ["mug": mug, "tea": Money(amount: 1, currency: dollar)]
        #expect(refusal(draft(lines: lines), prices) == ["/lines/1/sku"])
    }

    @Test func `a total that no number holds is refused, whether a line or the sum is too large`() {
        let lines = ["mug", "tea"].map { OrderDraft.Line(sku: $0, quantity: 2) }
        let half = Money(amount: .max / 2, currency: .eur)
        #expect(refusal(draft(lines: lines), ["mug": half, "tea": half]) == ["/lines/1/quantity"])
        #expect(
            refusal(draft(lines: lines), ["mug": Money(amount: .max, currency: .eur), "tea": mug])
                == ["/lines/0/quantity"])
    }

    @Test(arguments: [0, -5, Int64.min])
    func `what has no valid price can't be ordered`(price: Int64) {
        let lines = ["mug", "tea"].map { OrderDraft.Line(sku: $0, quantity: 1) }
        let prices = ["mug": mug, "tea": Money(amount: price, currency: .eur)]
        #expect(refusal(draft(lines: lines), prices) == ["/lines/1/sku"])
    }

    @Test func `an order without lines has no price`() {
        #expect(refusal(draft(lines: []), [:]) == ["/lines"])
    }
}
