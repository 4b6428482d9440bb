import Glibc
import Testing

@testable import ShopTool

@Suite("What the tool prints") struct OutputTests {
    private var table: Table {
        var table = Table("name", "oldestUnpublished", "records", "current")
        table.add(.text("orders.created"), .seconds(3.25), .number(12), .bool(true))
        table.add(.text("a"), .none, .number(1234), .none)
        return table
    }

    @Test func `columns are aligned, numbers to the right, and lines end with their last word`() {
        #expect(
            table.text == """
                NAME            OLDEST UNPUBLISHED  RECORDS  CURRENT
                orders.created               3.3 s       12  yes
                a                                -     1234  -
                """)
    }

    @Test func `programs get objects with the values as they are`() {
        #expect(
            table.json == """
                [
                  {"name": "orders.created", "oldestUnpublished": 3.25, "records": 12, "current": true},
                  {"name": "a", "oldestUnpublished": null, "records": 1234, "current": null}
                ]
                """)
        #expect(Table("name").json == "[]")
    }

    @Test func `people see the beginning of a long value, programs all of it`() {
        let error = String(repeating: "e", count: 5000)
        var table = Table("error", "id")
        table.add(.text(error), .number(7))
        let lines = table.text.split(separator: "\n")
        #expect(lines[1] == "\(String(repeating: "e", count: 97))...   7")
        #expect(lines[0].count == 104)
        #expect(table.json.contains(error))
        table.cellWidthMax = .max
        #expect(table.text.contains(error))
    }

    @Test func `what can't be written is no success`() {
        let full = open("/dev/full", O_WRONLY)
        defer { close(full) }
        #expect(Console.write("an answer", to: full) == ENOSPC)
        let null = open("/dev/null", O_WRONLY)
        defer { close(null) }
        #expect(Console.write("an answer", to: null) == nil)
    }

    @Test(arguments: [
        (0.0004, "0 ms"), (0.25, "250 ms"), (61, "61.0 s"), (300, "5 min"), (7300, "2 h"), (200_000, "2 d"),
    ])
    func `a length of time has the unit that suits it`(seconds: Double, text: String) {
        #expect(Table.Cell.seconds(seconds).text == text)
    }

    @Test func `what steers a terminal or ends a line is taken out`() {
        #expect(Table.Cell.text("a\u{1B}[2Jb\nc").text == "a [2Jb c")
        #expect(Letter.printable(Array("x\u{07}y".utf8)) == "x y")
    }

    @Test func `bytes that are no text are shown as digits`() {
        #expect(Letter.printable([0xFF, 0x00, 0x0A]) == "not text, 3 bytes: ff 00 0a")
    }

    @Test func `JSON strings are escaped`() {
        #expect(JSONText.string("a\"b\\c\n\u{01}é") == #""a\"b\\c\n\u0001é""#)
        #expect(JSONText.number(2) == "2")
        #expect(JSONText.number(.infinity) == "null")
    }

    @Test func `SQL literals hold whatever a password is`() {
        #expect(SQLText.literal(#"it's \ a"#) == #"E'it''s \\ a'"#)
        // With an accent a quote is another character to Swift, and a quote to Postgres.
        #expect(
            Array(SQLText.literal("'\u{301}\\\u{301}").unicodeScalars)
                == Array("E'''\u{301}\\\\\u{301}'".unicodeScalars))
    }

    @Test func `a query is encoded, and what has no value left out`() {
        #expect(queryText([("a", "x y&z"), ("b", nil), ("c", "é~")]) == "?a=x%20y%26z&c=%C3%A9~")
        #expect(queryText([("a", nil)]).isEmpty)
    }
}
