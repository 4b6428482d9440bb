/// One step of a schema's history: never changed once it has been released, only followed by another.
package struct Migration: Hashable, Sendable {
    /// Counted from 1, without gaps.
    package let number: Int
    package let name: String
    /// One or several statements, whose unqualified names are meant in the migrator's schema.
    ///
    /// They run in a transaction and must not end it.
    package let sql: String

    package init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }
}

/// Why a schema and the migrations of a program don't fit; none of it goes away by trying again.
package enum MigrationError: Error, Hashable, Sendable {
    /// The program's own list isn't numbered 1, 2, 3, …
    case misnumbered(Int)
    /// A migration that was applied had another name or another text.
    case changed(number: Int, name: String)
    /// The schema has had a migration this program doesn't know: it is newer than the program.
    case unknown(number: Int, name: String)
    /// A migration was not applied although a later one was.
    case leftOut(number: Int, name: String)
    /// These are to be applied before the service can run.
    case pending([Int])
    /// The text of the migration ended its transaction.
    case endedTransaction(number: Int, name: String)
}

extension MigrationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .misnumbered(let number): "the migrations aren't numbered one by one at \(number)"
        case .changed(let number, let name): "migration \(number) (\(name)) differs from what was applied"
        case .unknown(let number, let name):
            "the schema has migration \(number) (\(name)), unknown to this program"
        case .leftOut(let number, let name): "migration \(number) (\(name)) was left out"
        case .pending(let numbers):
            "the schema lacks the migrations \(numbers.map(String.init).joined(separator: ", "))"
        case .endedTransaction(let number, let name): "migration \(number) (\(name)) ends its transaction"
        }
    }
}
