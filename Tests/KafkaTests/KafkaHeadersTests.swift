import Testing

@testable import Kafka

@Suite("Headers of a record")
struct KafkaHeadersTests {
    private let list: [(name: String, value: [UInt8])] = [
        ("a", [1, 2]), ("ab", []), ("", [3]), ("a", [4]), ("ä", Array("é".utf8)),
    ]

    @Test func `they are what they were made of`() {
        #expect(KafkaHeaders(list).elementsEqual(list) { $0 == $1 })
        #expect(KafkaHeaders([]).isEmpty)
    }

    @Test func `the last of a name counts`() {
        let headers = KafkaHeaders(list)
        #expect(headers.last(named: "a") == [4])
        #expect(headers.last(named: "ab") == [])
        #expect(headers.last(named: "") == [3])
        #expect(headers.last(named: "ä") == ArraySlice("é".utf8))
        #expect(headers.last(named: "b") == nil)
    }
}
