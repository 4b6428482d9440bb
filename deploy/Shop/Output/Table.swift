/// Rows under titles: aligned columns for people, objects for programs.
struct Table: Sendable {
    /// A value with its two looks.
    enum Cell: Sendable, Equatable {
        case text(String)
        case number(Int64)
        /// A length of time in seconds.
        case seconds(Double)
        case bool(Bool)
        case texts([String])
        /// There is no value: `-` for people, `null` for programs.
        case none
    }

    /// The names of the columns as programs see them: `oldestUnpublished`.
    let columns: [String]
    /// The most letters of a value that people see; an error or a name from outside may have any number.
    var cellWidthMax = 100
    private(set) var rows: [[Cell]] = []

    init(_ columns: String...) { self.columns = columns }

    mutating func add(_ cells: Cell...) { add(cells) }

    mutating func add(_ cells: [Cell]) {
        precondition(cells.count == columns.count, "\(cells.count) cells for \(columns.count) columns")
        rows.append(cells)
    }

    /// Columns as wide as their longest value, which is cut where it is too long, numbers to the right; a title line first.
    var text: String {
        let titles = columns.map { Table.title($0) }
        let lines = rows.map { $0.map { $0.text.shortened(to: cellWidthMax) } }
        let widths = columns.indices.map { column in
            lines.reduce(titles[column].count) { max($0, $1[column].count) }
        }
        let isNumeric = columns.indices.map { column in
            rows.contains { $0[column].isNumber }
                && rows.allSatisfy { $0[column].isNumber || $0[column] == .none }
        }
        return ([titles] + lines).map { line in
            var text = ""
            for (column, value) in line.enumerated() {
                let spaces = String(repeating: " ", count: widths[column] - value.count)
                text += column == 0 ? "" : "  "
                text += isNumeric[column] ? spaces + value : value + spaces
            }
            return text.trimmingTrailingSpaces
        }.joined(separator: "\n")
    }

    /// An array of objects, one a line.
    var json: String {
        guard !rows.isEmpty else { return "[]" }
        let objects = rows.map { row in
            let fields = zip(columns, row).map { "\(JSONText.string($0)): \($1.json)" }
            return "  {\(fields.joined(separator: ", "))}"
        }
        return "[\n\(objects.joined(separator: ",\n"))\n]"
    }

    /// `oldestUnpublished` is `OLDEST UNPUBLISHED` to people.
    static func title(_ column: String) -> String {
        column.reduce(into: "") { title, letter in
            title += letter.isUppercase ? " \(letter)" : letter.uppercased()
        }
    }
}

extension Table.Cell {
    fileprivate var isNumber: Bool {
        switch self {
        case .number, .seconds: true
        case .text, .bool, .texts, .none: false
        }
    }

    var text: String {
        switch self {
        case .text(let text): text.oneLine
        case .number(let number): String(number)
        case .seconds(let seconds): Table.Cell.duration(seconds)
        case .bool(let value): value ? "yes" : "no"
        case .texts(let texts): texts.joined(separator: ", ").oneLine
        case .none: "-"
        }
    }

    var json: String {
        switch self {
        case .text(let text): JSONText.string(text)
        case .number(let number): String(number)
        case .seconds(let seconds): JSONText.number(seconds)
        case .bool(let value): String(value)
        case .texts(let texts): JSONText.array(texts)
        case .none: "null"
        }
    }

    /// In the unit that leaves one to three digits: `850 ms`, `3.2 s`, `12 min`, `5 h`, `9 d`.
    private static func duration(_ seconds: Double) -> String {
        switch seconds {
        case ..<1: "\(Int((seconds * 1000).rounded())) ms"
        case ..<120: "\((seconds * 10).rounded() / 10) s"
        case ..<7200: "\(Int(seconds / 60)) min"
        case ..<172_800: "\(Int(seconds / 3600)) h"
        default: "\(Int(seconds / 86400)) d"
        }
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String {
        guard let last = lastIndex(where: { $0 != " " }) else { return "" }
        return String(self[...last])
    }

    /// Itself, or its beginning and three dots, all in all `count` letters.
    func shortened(to count: Int) -> String {
        guard dropFirst(count).isEmpty else { return prefix(max(0, count - 3)) + "..." }
        return self
    }

    /// Fit for a line of a terminal: what would end the line, or steer the terminal, becomes a space.
    ///
    /// What we print came through HTTP or Kafka, so anybody may have written it.
    var oneLine: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }
}
