import Foundation
import Kernel
import TestSupport
import Testing

@Suite("Timestamps")
struct TimestampTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_732_190_401_102_999, "2024-11-21T12:00:01.102Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
        (4_107_542_399_999_000, "2100-02-28T23:59:59.999Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999Z"),
    ])
    func `it is written in RFC 3339, in UTC, with milliseconds`(microseconds: Int64, text: String) {
        #expect(Timestamp(unixMicroseconds: microseconds).description == text)
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.1Z", 100_000), ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00.123456789Z", 123_456), ("1969-12-31T23:59:59.999999Z", -1),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
    ])
    func `it reads any fraction to the microsecond`(text: String, microseconds: Int64) {
        #expect(Timestamp(text)?.unixMicroseconds == microseconds)
    }

    @Test(arguments: [
        "", "2024-11-21", "2024-11-21T12:00:01", "2024-11-21 12:00:01Z", "2024-11-21T12:00:01+01:00",
        "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z", "2024-11-31T00:00:00Z", "2023-02-29T00:00:00Z",
        "2024-11-21T24:00:00Z", "2024-11-21T12:60:00Z", "2024-11-21T12:00:61Z", "2024-11-21T12:00:01.Z",
        "2024-11-21T12:00:01.1234567890Z", "2024-11-21T12:00:01.1x3Z", "2024-11-2١T12:00:01Z",
        "9999-12-31T23:59:60Z",
    ])
    func `it reads nothing else`(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test func `it reads what it writes, and agrees with Foundation`() throws {
        var random = SeededGenerator(seed: 3)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        for _ in 0..<300 {
            // From 1601 on: before the reform of 1582 Foundation counts by the Julian calendar, RFC 3339 does not.
            let milliseconds = Int64.random(in: -11_600_000_000_000...250_000_000_000_000, using: &random)
            let time = Timestamp(unixMilliseconds: milliseconds)
            let read = try #require(Timestamp(time.description))
            #expect(read == time)
            let date = try style.parse(time.description)
            #expect(Int64((date.timeIntervalSince1970 * 1000).rounded()) == milliseconds)
        }
    }

    @Test func `durations add to it and lie between two`() {
        let start = Timestamp(unixMilliseconds: 1000)
        #expect(start.advanced(by: .seconds(30)).since(start) == .seconds(30))
        #expect(start.advanced(by: .milliseconds(-1500)).unixMicroseconds == -500_000)
        #expect(start < start.advanced(by: .microseconds(1)))
    }

    @Test func `in JSON it is its text`() throws {
        let time = Timestamp(unixMilliseconds: 1_732_190_401_102)
        let data = try JSONEncoder().encode([time])
        #expect(String(decoding: data, as: UTF8.self) == #"["2024-11-21T12:00:01.102Z"]"#)
        #expect(try JSONDecoder().decode([Timestamp].self, from: data) == [time])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Timestamp].self, from: Data(#"["yesterday"]"#.utf8))
        }
    }
}
