import Kernel
import Postgres
import TestSupport
import Testing

@Suite("Postgres values")
struct ValueTests {
    private let identifier = Identifier(high: 0x0189_0a5d_ac96_774b, low: 0xbcce_b302_099a_8057)
    private let moment = Timestamp(unixMicroseconds: 1_763_726_401_102_003)

    @Test func `every scalar comes back as it went in`() async throws {
        try await withConnection { connection in
            let echo = PostgresStatement("echo", "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb")
            let row = try await connection.query(
                echo(
                    true, Int16.min, Int32.max, Int64.min, "grün 🚲 \u{0}".replacing("\u{0}", with: ""),
                    [0, 255, 0, 1] as [UInt8], identifier, moment, #"{"a": 1}"#))[0]
            #expect(try row.bool(0))
            #expect(try row.int32(1) == Int32(Int16.min))
            #expect(try row.int32(2) == .max)
            #expect(try row.int64(2) == Int64(Int32.max))
            #expect(try row.int64(3) == .min)
            #expect(try row.string(4) == "grün 🚲 ")
            #expect(try row.bytes(5) == [0, 255, 0, 1])
            #expect(try row.identifier(6) == identifier)
            #expect(try row.timestamp(7) == moment)
            #expect(try row.string(8) == #"{"a": 1}"#)
            #expect(try row.bytes(8) == Array(#"{"a": 1}"#.utf8))
        }
    }

    @Test func `the server reads values as they were meant`() async throws {
        try await withConnection { connection in
            let text = PostgresStatement(
                "text",
                "SELECT $1::text, ($2 AT TIME ZONE 'UTC')::text, $3::text, $4::text, $5::text, $6::text")
            let row = try await connection.query(
                text(
                    identifier, moment, [1, 2] as [Int32], ["a", nil, "b,c"] as [String?],
                    [[0xAB]] as [[UInt8]],
                    false))[0]
            #expect(try row.string(0) == "01890a5d-ac96-774b-bcce-b302099a8057")
            #expect(try row.string(1) == "2025-11-21 12:00:01.102003")
            #expect(try row.string(2) == "{1,2}")
            #expect(try row.string(3) == #"{a,NULL,"b,c"}"#)
            #expect(try row.string(4) == #"{"\\xab"}"#)
            #expect(try row.string(5) == "false")
        }
    }

    @Test func `NULL goes in and out as nil, and not as a value`() async throws {
        try await withConnection { connection in
            let echo = PostgresStatement("nulls", "SELECT $1, $2, $3, $4, $5, $6, $7")
            let row = try await connection.query(
                echo(
                    nil as Bool?, nil as Int32?, nil as Int64?, nil as String?, nil as [UInt8]?,
                    nil as Identifier?, nil as Timestamp?))[0]
            #expect(try row.optionalBool(0) == nil)
            #expect(try row.optionalInt32(1) == nil)
            #expect(try row.optionalInt64(2) == nil)
            #expect(try row.optionalString(3) == nil)
            #expect(try row.optionalBytes(4) == nil)
            #expect(try row.optionalIdentifier(5) == nil)
            #expect(try row.optionalTimestamp(6) == nil)
            #expect(throws: PostgresError.self) { try row.string(3) }
            #expect(throws: PostgresError.self) { try row.int64(2) }
        }
    }

    @Test func `empty is not NULL`() async throws {
        try await withConnection { connection in
            let echo = PostgresStatement("empties", "SELECT $1, $2, $3, $4, $5::text")
            let row = try await connection.query(
                echo("", [] as [UInt8], [] as [Int64], [] as [String], [] as [Int32?]))[0]
            #expect(try row.string(0) == "")
            #expect(try row.bytes(1) == [])
            #expect(try row.int64Array(2) == [])
            #expect(try row.stringArray(3) == [])
            #expect(try row.string(4) == "{}")
        }
    }

    @Test func `arrays come back as they went in`() async throws {
        try await withConnection { connection in
            let echo = PostgresStatement("arrays", "SELECT $1, $2")
            let row = try await connection.query(echo([-1, .max] as [Int64], ["", "ü", "a\"b"]))[0]
            #expect(try row.int64Array(0) == [-1, .max])
            #expect(try row.stringArray(1) == ["", "ü", "a\"b"])
        }
    }

    @Test func `arrays become rows with unnest, optionals become NULL`() async throws {
        try await withConnection { connection in
            let rows = try await connection.query(
                PostgresStatement("rows", "SELECT * FROM unnest($1, $2, $3, $4, $5, $6) AS t")(
                    [identifier, identifier], ["a", nil] as [String?], [nil, 5] as [Int64?], [true, false],
                    [nil, moment] as [Timestamp?], [nil, [1]] as [[UInt8]?]))
            #expect(rows.rowCount == 2)
            #expect(try rows[0].optionalString(1) == "a")
            #expect(try rows[0].optionalInt64(2) == nil)
            #expect(try rows[0].optionalTimestamp(4) == nil)
            #expect(try rows[0].optionalBytes(5) == nil)
            #expect(try rows[1].optionalString(1) == nil)
            #expect(try rows[1].int64(2) == 5)
            #expect(try rows[1].bool(3) == false)
            #expect(try rows[1].timestamp(4) == moment)
            #expect(try rows[1].bytes(5) == [1])
        }
    }

    @Test func `a megabyte goes both ways`() async throws {
        try await withConnection { connection in
            let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let text = String(repeating: "grün ", count: 200_000)
            let row = try await connection.query(once("SELECT $1, $2", bytes, text))[0]
            #expect(try row.bytes(0) == bytes)
            #expect(try row.string(1) == text)
        }
    }

    @Test func `times before 1970 and at the edge of 2000 are exact`() async throws {
        try await withConnection { connection in
            for micros in [-1, 0, 946_684_800_000_000, 946_684_799_999_999, -62_135_596_800_000_000]
                as [Int64]
            {
                let row = try await connection.query(
                    PostgresStatement("time", "SELECT $1")(Timestamp(unixMicroseconds: micros)))[0]
                #expect(try row.timestamp(0).unixMicroseconds == micros)
            }
        }
    }

    @Test(arguments: ["SELECT 'infinity'::timestamptz", "SELECT '-infinity'::timestamptz"])
    func `an infinite time is refused`(sql: String) async throws {
        try await withConnection { connection in
            let row = try await connection.query(once(sql))[0]
            #expect(throws: PostgresError.self) { try row.timestamp(0) }
        }
    }

    @Test func `reading another type than was selected is an error, not a guess`() async throws {
        try await withConnection { connection in
            let row = try await connection.query(
                once(
                    "SELECT 'a'::text, 5::int8, 1.5::numeric, ARRAY[1::int8, NULL], ARRAY[[1::int8], [2]], ARRAY[1]"
                ))[0]
            #expect(throws: PostgresError.self) { try row.int64(0) }
            #expect(throws: PostgresError.self) { try row.int32(1) }
            #expect(throws: PostgresError.self) { try row.int64(2) }
            #expect(throws: PostgresError.self) { try row.int64Array(3) }
            #expect(throws: PostgresError.self) { try row.int64Array(4) }
            #expect(throws: PostgresError.self) { try row.int64Array(5) }
            #expect(throws: PostgresError.self) { try row.string(6) }
            #expect(throws: PostgresError.self) { try row.string(-1) }
        }
    }

    @Test func `an enum is read as its label`() async throws {
        try await withConnection { connection in
            try await connection.simple("CREATE TYPE state AS ENUM ('placed', 'paid')", timeout: .seconds(5))
            let row = try await connection.query(once("SELECT $1::text::state", "paid"))[0]
            #expect(try row.string(0) == "paid")
        }
    }
}
