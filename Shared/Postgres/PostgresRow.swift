package import Kernel

/// One row of a result, whose columns are counted from 0, in the order of the statement.
///
/// Every reader throws `PostgresError.decoding` when the column isn't there or holds another type, and the
/// ones whose name doesn't begin with `optional` also for NULL: the statement and its reader don't agree,
/// which no retry mends.
package struct PostgresRow: Sendable {
    let result: PostgresResult
    let row: Int32

    package func bool(_ column: Int) throws(PostgresError) -> Bool {
        try present(optionalBool(column), column)
    }

    package func optionalBool(_ column: Int) throws(PostgresError) -> Bool? {
        guard let bytes = try bytes(column, PostgresType.bool, size: 1) else { return nil }
        return bytes[0] != 0
    }

    package func int32(_ column: Int) throws(PostgresError) -> Int32 {
        try present(optionalInt32(column), column)
    }

    /// Reads int2 and int4.
    package func optionalInt32(_ column: Int) throws(PostgresError) -> Int32? {
        guard let value = try optionalInt64(column) else { return nil }
        guard try type(column) != PostgresType.int8, let narrow = Int32(exactly: value) else {
            throw mismatch(column)
        }
        return narrow
    }

    package func int64(_ column: Int) throws(PostgresError) -> Int64 {
        try present(optionalInt64(column), column)
    }

    /// Reads int2, int4 and int8; a `numeric`, such as the sum of an int8 column, is to be cast in the
    /// statement.
    package func optionalInt64(_ column: Int) throws(PostgresError) -> Int64? {
        switch try type(column) {
        case PostgresType.int8: try integer(column, Int64.self)
        case PostgresType.int4: try integer(column, Int32.self).map(Int64.init)
        case PostgresType.int2: try integer(column, Int16.self).map(Int64.init)
        default: throw mismatch(column)
        }
    }

    package func string(_ column: Int) throws(PostgresError) -> String {
        try present(optionalString(column), column)
    }

    /// Reads text, varchar, char, name, enums, json and jsonb.
    package func optionalString(_ column: Int) throws(PostgresError) -> String? {
        guard let bytes = try textBytes(column) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    package func bytes(_ column: Int) throws(PostgresError) -> [UInt8] {
        try present(optionalBytes(column), column)
    }

    /// Reads bytea, and the UTF-8 of whatever `string` reads.
    package func optionalBytes(_ column: Int) throws(PostgresError) -> [UInt8]? {
        try withOptionalBytes(column) { $0.map(Array.init) }
    }

    /// Lends the bytes of a bytea or a text without copying them; nil for NULL.
    package func withOptionalBytes<R>(
        _ column: Int, _ body: (UnsafeRawBufferPointer?) -> R
    ) throws(PostgresError) -> R {
        let isBytea = try type(column) == PostgresType.bytea
        let bytes = isBytea ? result.bytes(row: row, column: Int32(column)) : try textBytes(column)
        return withExtendedLifetime(result) { body(bytes) }
    }

    package func identifier(_ column: Int) throws(PostgresError) -> Identifier {
        try present(optionalIdentifier(column), column)
    }

    package func optionalIdentifier(_ column: Int) throws(PostgresError) -> Identifier? {
        try bytes(column, PostgresType.uuid, size: 16).map(Identifier.init(network:))
    }

    package func timestamp(_ column: Int) throws(PostgresError) -> Timestamp {
        try present(optionalTimestamp(column), column)
    }

    /// Reads timestamptz; `infinity` is refused, as no `Timestamp` is that far away.
    package func optionalTimestamp(_ column: Int) throws(PostgresError) -> Timestamp? {
        guard let bytes = try bytes(column, PostgresType.timestamptz, size: 8) else { return nil }
        let (micros, overflow) = Int64(network: bytes).addingReportingOverflow(postgresEpochMicroseconds)
        guard !overflow, micros > Int64.min + postgresEpochMicroseconds else {
            throw .decoding(column: column, reason: "an infinite time")
        }
        return Timestamp(unixMicroseconds: micros)
    }
}

extension PostgresRow {
    func type(_ column: Int) throws(PostgresError) -> UInt32 {
        guard column >= 0, column < Int(result.columnCount) else {
            throw .decoding(column: column, reason: "the result has \(result.columnCount) columns")
        }
        return result.type(of: Int32(column))
    }

    /// The bytes of a value that has to be of this type; nil for NULL.
    func bytes(
        _ column: Int, _ expected: UInt32, size: Int? = nil
    ) throws(PostgresError) -> UnsafeRawBufferPointer? {
        guard try type(column) == expected else { throw mismatch(column) }
        guard let bytes = result.bytes(row: row, column: Int32(column)) else { return nil }
        guard size == nil || bytes.count == size else { throw mismatch(column) }
        return bytes
    }

    func present<Value>(_ value: Value?, _ column: Int) throws(PostgresError) -> Value {
        guard let value else { throw .decoding(column: column, reason: "it is NULL") }
        return value
    }

    func mismatch(_ column: Int) -> PostgresError {
        .decoding(column: column, reason: "its type has the object id \(result.type(of: Int32(column)))")
    }

    private func integer<Integer: FixedWidthInteger & BitwiseCopyable>(
        _ column: Int, _ type: Integer.Type
    ) throws(PostgresError) -> Integer? {
        guard let bytes = result.bytes(row: row, column: Int32(column)) else { return nil }
        guard bytes.count == MemoryLayout<Integer>.size else { throw mismatch(column) }
        return Integer(network: bytes)
    }

    private func textBytes(_ column: Int) throws(PostgresError) -> UnsafeRawBufferPointer? {
        let type = try type(column)
        let bytes = result.bytes(row: row, column: Int32(column))
        if PostgresType.isText(type) { return bytes }
        guard type == PostgresType.jsonb else { throw mismatch(column) }
        // The first byte is the version of the format, and the rest is text.
        return bytes.map { UnsafeRawBufferPointer(rebasing: $0.dropFirst()) }
    }
}

extension FixedWidthInteger where Self: BitwiseCopyable {
    /// Reads as many bytes as the type has, the highest first; the caller has checked that they are there.
    @inline(__always)
    init(network bytes: UnsafeRawBufferPointer) {
        self = Self(bigEndian: bytes.loadUnaligned(as: Self.self))
    }
}

extension Identifier {
    init(network bytes: UnsafeRawBufferPointer) {
        self.init(
            high: UInt64(network: bytes),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
}
