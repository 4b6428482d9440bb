import Foundation
import Kernel
import Testing

@Suite("Money")
struct MoneyTests {
    func euro(_ amount: Int64) -> Money { Money(amount: amount, currency: .eur) }

    @Test func `sums and products are of the same currency`() throws {
        #expect(try euro(4998).adding(euro(2)) == euro(5000))
        #expect(try euro(4998).multiplied(by: 3) == euro(14_994))
    }

    @Test func `two currencies have no sum`() throws {
        let dollar = try #require(Currency("USD"))
        #expect(throws: MoneyError.currenciesDiffer(.eur, dollar)) {
            try euro(1).adding(Money(amount: 1, currency: dollar))
        }
    }

    @Test func `what is too large is an error and not a wrong number`() {
        #expect(throws: MoneyError.tooLarge) { try euro(.max).adding(euro(1)) }
        #expect(throws: MoneyError.tooLarge) { try euro(.min).adding(euro(-1)) }
        #expect(throws: MoneyError.tooLarge) { try euro(.max / 2 + 1).multiplied(by: 2) }
    }

    @Test(arguments: ["", "EU", "EURO", "eur", "E1R", "ÄBC"])
    func `a currency is three upper-case letters`(code: String) {
        #expect(Currency(code) == nil)
    }

    @Test(arguments: [
        (0, "EUR", "0.00 EUR"), (5, "EUR", "0.05 EUR"), (100, "EUR", "1.00 EUR"),
        (-1250, "EUR", "-12.50 EUR"),
        (500, "JPY", "500 JPY"), (1234, "KWD", "1.234 KWD"),
        (Int64.min, "EUR", "-92233720368547758.08 EUR"),
    ])
    func `an amount has the decimals of its currency`(amount: Int64, code: String, text: String) throws {
        let currency = try #require(Currency(code))
        #expect(Money(amount: amount, currency: currency).text == text)
    }

    @Test func `in JSON it is an amount and a code`() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let data = try encoder.encode(euro(4998))
        #expect(String(decoding: data, as: UTF8.self) == #"{"amount":4998,"currency":"EUR"}"#)
        #expect(try JSONDecoder().decode(Money.self, from: data) == euro(4998))
        for bad in [
            #"{"amount":49.98,"currency":"EUR"}"#, #"{"amount":1,"currency":"eur"}"#, #"{"amount":1}"#,
        ] {
            #expect(throws: DecodingError.self) { try JSONDecoder().decode(Money.self, from: Data(bad.utf8)) }
        }
    }
}
