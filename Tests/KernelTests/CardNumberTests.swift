import Kernel
import TestSupport
import Testing

/// The numbers are the card networks' published test numbers.
@Suite("Card numbers")
struct CardNumberTests {
    @Test(arguments: [
        "4111111111111111", "5555555555554444", "378282246310005", "6011111111111117", "30569309025904",
        "4222222222222", "2223003122003222", "4111 1111 1111 1111", "4111-1111-1111-1111",
        "my card is 4111111111111111, thanks", "tok_4111111111111111", "card4111111111111111",
        "4111111111111111@example.org", "1-2 4111111111111111x", "6304000000000000000",
        "4111 1111 1111 1111 123", "4111111111111111 12/27", "3782 822463 10005", "2 x 4111 1111 1111 1111",
    ])
    func `a number that could be a card's is found`(text: String) {
        #expect(CardNumber.appears(in: text))
    }

    @Test func `an id is no cover for a number before it`() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057"
        #expect(CardNumber.appears(in: "4242-4242-4242-4242-\(id)"))
        #expect(CardNumber.appears(in: "4242424242424242-\(id)"))
        #expect(CardNumber.appears(in: "4242 4242 4242 4242" + String(repeating: "a", count: 32)))
    }

    @Test(arguments: [
        "", "tok_visa", "4111111111111112", "411111111111", "41111111111111111111", "4111_1111_1111_1111",
        "1732190401102", "customer-1732190401102", "4111.1111.1111.1111",
        "01890a5d-ac96-774b-bcce-b302099a8057", "4111  1111  1111  1111", "2024-01-01-12-00-00-123",
    ])
    func `other numbers are let through`(text: String) {
        #expect(!CardNumber.appears(in: text))
    }

    @Test func `random ids are let through, even with a card's digits in them`() {
        #expect(!CardNumber.appears(in: "a4111111111111111b" + String(repeating: "c", count: 14)))
        #expect(!CardNumber.appears(in: "41111111-1111-1111-8abc-b302099a8057"))
        #expect(!CardNumber.appears(in: "cust_a4111111111111111" + String(repeating: "c", count: 20)))
    }

    @Test func `a shorter kind of number can be left out`() {
        #expect(!CardNumber.appears(in: "4222222222222", digits: 15...19))
        #expect(CardNumber.appears(in: "4111111111111111", digits: 15...19))
    }

    @Test func `ids that programs make up are practically never refused`() {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<20_000 {
            let uuid = Identifier(high: random.next(), low: random.next()).description
            #expect(!CardNumber.appears(in: uuid))
            #expect(!CardNumber.appears(in: "tok_" + uuid.filter { $0 != "-" }))
            #expect(!CardNumber.appears(in: "k6-\(random.next() % 1_000_000_000_000)"))
            #expect(!CardNumber.appears(in: "customer-\(uuid)"))
            #expect(!CardNumber.appears(in: "user3-\(1_700_000_000_000 + random.next() % 1_000_000_000)"))
        }
    }
}
