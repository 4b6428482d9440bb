internal import CPostgres

/// The rows a statement returned, read in place from libpq's memory, which goes with the last reference.
///
/// Any thread may read and free it: a `PGresult` never changes once it has been received.
package final class PostgresResult: Sendable {
    private nonisolated(unsafe) let pointer: OpaquePointer
    package let rowCount: Int
    let columnCount: Int32

    /// Takes the result over.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
        rowCount = Int(PQntuples(pointer))
        columnCount = PQnfields(pointer)
    }

    deinit { PQclear(pointer) }

    /// How many rows the statement inserted, changed, deleted or returned; 0 for one that does neither.
    package var affectedRows: Int {
        Int(String(cString: PQcmdTuples(pointer))) ?? 0
    }

    /// The command as the server names it, such as `COMMIT`.
    var commandTag: String { String(cString: PQcmdStatus(pointer)) }

    /// The row at a position; asking for one that isn't there is a bug of the caller's, and traps.
    package subscript(row: Int) -> PostgresRow {
        precondition(row >= 0 && row < rowCount, "row \(row) of \(rowCount)")
        return PostgresRow(result: self, row: Int32(row))
    }

    /// The first row, for statements that return at most one.
    package var first: PostgresRow? { rowCount > 0 ? self[0] : nil }

    func type(of column: Int32) -> UInt32 { PQftype(pointer, column) }

    /// The bytes of a value, nil for NULL.
    func bytes(row: Int32, column: Int32) -> UnsafeRawBufferPointer? {
        if PQgetisnull(pointer, row, column) != 0 { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(pointer, row, column), count: Int(PQgetlength(pointer, row, column)))
    }
}

extension PostgresResult: Sequence {
    package func makeIterator() -> Iterator { Iterator(result: self) }

    package var underestimatedCount: Int { rowCount }

    package struct Iterator: IteratorProtocol {
        fileprivate let result: PostgresResult
        private var position = 0

        fileprivate init(result: PostgresResult) { self.result = result }

        package mutating func next() -> PostgresRow? {
            guard position < result.rowCount else { return nil }
            defer { position += 1 }
            return result[position]
        }
    }
}
