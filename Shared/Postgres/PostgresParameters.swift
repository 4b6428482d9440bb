/// The parameters of one query, in the binary form and the memory layout `PQsendQueryPrepared` takes.
///
/// Encoded once, where the query is made, so that the connection's thread has only to send. One block holds
/// the values, another the four arrays that describe them.
///
/// Unchecked: it is written by its initialiser alone, and only read once it can be seen by anybody else.
package final class PostgresParameters: @unchecked Sendable {
    let count: Int
    private let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private let lengths: UnsafeMutablePointer<Int32>
    private let formats: UnsafeMutablePointer<Int32>
    private let oids: UnsafeMutablePointer<UInt32>
    private var bytes: UnsafeMutableRawPointer
    private var capacity: Int
    private var size = 0

    static let none = PostgresParameters([])

    init(_ values: [any PostgresEncodable]) {
        count = values.count
        pointers = .allocate(capacity: count)
        lengths = .allocate(capacity: count)
        formats = .allocate(capacity: count)
        oids = .allocate(capacity: count)
        capacity = max(64, count * 24)
        bytes = .allocate(byteCount: capacity, alignment: 8)
        withUnsafeTemporaryAllocation(of: Int.self, capacity: count) { offsets in
            for (index, value) in values.enumerated() {
                offsets.initializeElement(at: index, to: size)
                let isPresent = value.encode(into: self)
                (lengths + index).initialize(to: isPresent ? Int32(clamping: size - offsets[index]) : -1)
                (formats + index).initialize(to: 1)
                (oids + index).initialize(to: type(of: value).postgresType)
            }
            for index in 0..<count {
                let start = UnsafePointer((bytes + offsets[index]).assumingMemoryBound(to: CChar.self))
                (pointers + index).initialize(to: lengths[index] < 0 ? nil : start)
            }
        }
    }

    deinit {
        pointers.deallocate()
        lengths.deallocate()
        formats.deallocate()
        oids.deallocate()
        bytes.deallocate()
    }

    var types: UnsafeBufferPointer<UInt32> { UnsafeBufferPointer(start: oids, count: count) }

    /// Lends the arrays libpq wants; they are valid for the life of this object.
    func withArrays<R>(
        _ body: (
            _ values: UnsafePointer<UnsafePointer<CChar>?>, _ lengths: UnsafePointer<Int32>,
            _ formats: UnsafePointer<Int32>
        ) -> R
    ) -> R {
        body(pointers, lengths, formats)
    }
}

/// Writing, for the types that can be parameters.
extension PostgresParameters {
    @inline(__always)
    func put<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer) {
        reserve(MemoryLayout<Integer>.size)
        bytes.storeBytes(of: value.bigEndian, toByteOffset: size, as: Integer.self)
        size += MemoryLayout<Integer>.size
    }

    func put(_ source: UnsafeRawBufferPointer) {
        reserve(source.count)
        if let base = source.baseAddress { (bytes + size).copyMemory(from: base, byteCount: source.count) }
        size += source.count
    }

    /// Writes something with its length before it, as the elements of an array are.
    @inline(__always)
    func putSized(_ body: () -> Void) {
        put(Int32(0))
        let start = size
        body()
        let length = Int32(clamping: size - start)
        bytes.storeBytes(of: length.bigEndian, toByteOffset: start - 4, as: Int32.self)
    }

    /// Writes the head of a one-dimensional array; an empty array has no dimension at all.
    func putArrayHead(count: Int, element: UInt32, hasNulls: Bool) {
        put(Int32(count == 0 ? 0 : 1))
        put(Int32(hasNulls ? 1 : 0))
        put(element)
        guard count > 0 else { return }
        put(Int32(clamping: count))
        put(Int32(1))
    }

    @inline(__always)
    private func reserve(_ more: Int) {
        if size + more > capacity { grow(more) }
    }

    @inline(never)
    private func grow(_ more: Int) {
        capacity = max(capacity * 2, size + more)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        larger.copyMemory(from: bytes, byteCount: size)
        bytes.deallocate()
        bytes = larger
    }
}
