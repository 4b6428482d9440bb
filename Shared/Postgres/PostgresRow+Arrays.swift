/// One-dimensional arrays without NULL in them; anything else is thrown as `PostgresError.decoding`.
extension PostgresRow {
    package func int64Array(_ column: Int) throws(PostgresError) -> [Int64] {
        try array(column, PostgresType.int8Array, element: PostgresType.int8, size: 8, Int64.init(network:))
    }

    package func stringArray(_ column: Int) throws(PostgresError) -> [String] {
        try array(column, PostgresType.textArray, element: PostgresType.text, size: nil) {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private func array<Element>(
        _ column: Int, _ type: UInt32, element: UInt32, size: Int?,
        _ read: (UnsafeRawBufferPointer) -> Element
    ) throws(PostgresError) -> [Element] {
        let bytes = try present(bytes(column, type), column)
        var reader = ArrayReader(bytes: bytes)
        guard let dimensions = reader.int32(), reader.int32() != nil, let found = reader.int32() else {
            throw mismatch(column)
        }
        guard dimensions != 0 else { return [] }
        guard dimensions == 1, UInt32(bitPattern: found) == element, let count = reader.int32(),
            reader.int32() != nil, count >= 0
        else { throw mismatch(column) }
        var values: [Element] = []
        values.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let value = reader.element(), size == nil || value.count == size else {
                throw .decoding(column: column, reason: "the array has a NULL in it")
            }
            values.append(read(value))
        }
        return values
    }
}

/// Walks over the binary form of an array, and never past its end.
private struct ArrayReader {
    let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func int32() -> Int32? {
        guard position + 4 <= bytes.count else { return nil }
        defer { position += 4 }
        return Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: Int32.self))
    }

    /// The next element; nil for NULL, whose length is -1.
    mutating func element() -> UnsafeRawBufferPointer? {
        guard let length = int32(), length >= 0, position + Int(length) <= bytes.count else { return nil }
        defer { position += Int(length) }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(length)])
    }
}
