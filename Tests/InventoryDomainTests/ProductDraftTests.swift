import InventoryDomain
import Kernel
import Testing

@Suite("Products and restocking")
struct ProductDraftTests {
    func pointers(sku: String = "mug", name: String = "A mug", amount: Int64 = 1) -> [String] {
        ProductDraft(sku: sku, name: name, price: Money(amount: amount, currency: .eur)).violations.map(
            \.pointer)
    }

    @Test func `a sane product has no violations`() {
        #expect(pointers().isEmpty)
        #expect(pointers(name: String(repeating: "ß", count: 200)).isEmpty)
        #expect(pointers(sku: "4006381333931").isEmpty, "a trade item number is a good SKU")
    }

    @Test func `each field has its bounds`() {
        #expect(pointers(sku: "a b") == ["/sku"])
        #expect(pointers(sku: "4111111111111111") == ["/sku"])
        #expect(pointers(sku: String(repeating: "4111-1111-1111-1111", count: 4)) == ["/sku"])
        #expect(pointers(name: "") == ["/name"])
        #expect(pointers(name: "a\nb") == ["/name"])
        #expect(pointers(name: String(repeating: "x", count: 201)) == ["/name"])
        #expect(pointers(amount: 0) == ["/price/amount"])
        #expect(pointers(amount: -1) == ["/price/amount"])
    }

    @Test(arguments: [(Int64.min, false), (0, false), (1, true), (1_000_000, true), (1_000_001, false)])
    func `1 to a million pieces arrive at a time`(quantity: Int64, good: Bool) {
        #expect(Restock(quantity: quantity).violations.isEmpty == good)
    }
}
