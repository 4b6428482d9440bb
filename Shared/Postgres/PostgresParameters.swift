/// The parameters of one query, in the binary form and the memory layout `PQsendQueryPrepared` takes.
///
/// Encoded once, where the query is made, so that the connection's thread has only to send. One block holds
/// the values, another the four arrays that describe them.
package final class PostgresParameters: Sendable {
    let count: Int
    /// Read by any thread, and changed by none once the initialiser has filled it.
    private nonisolated(unsafe) let memory: Memory

    private struct Memory {
        let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
        let lengths: UnsafeMutablePointer<Int32>
        let formats: UnsafeMutablePointer<Int32>
        let oids: UnsafeMutablePointer<UInt32>
        let bytes: UnsafeMutableRawPointer
    }

    static let none = PostgresParameters([])

    init(_ values: [any PostgresEncodable]) {
        count = values.count
        let pointers = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: count)
        let lengths = UnsafeMutablePointer<Int32>.allocate(capacity: count)
        let formats = UnsafeMutablePointer<Int32>.allocate(capacity: count)
        let oids = UnsafeMutablePointer<UInt32>.allocate(capacity: count)
        var writer = PostgresWriter(capacity: max(64, count * 24))
        for (index, value) in values.enumerated() {
            let offset = writer.size
            let isPresent = value.encode(into: &writer)
            (lengths + index).initialize(to: isPresent ? Int32(clamping: writer.size - offset) : -1)
            (formats + index).initialize(to: 1)
            (oids + index).initialize(to: type(of: value).postgresType)
        }
        // Only now, since a block that grows moves.
        var start = 0
        for index in 0..<count {
            let value = UnsafePointer((writer.bytes + start).assumingMemoryBound(to: CChar.self))
            (pointers + index).initialize(to: lengths[index] < 0 ? nil : value)
            start += Int(max(0, lengths[index]))
        }
        memory = Memory(
            pointers: pointers, lengths: lengths, formats: formats, oids: oids, bytes: writer.bytes)
    }

    deinit {
        memory.pointers.deallocate()
        memory.lengths.deallocate()
        memory.formats.deallocate()
        memory.oids.deallocate()
        memory.bytes.deallocate()
    }

    var types: UnsafeBufferPointer<UInt32> { UnsafeBufferPointer(start: memory.oids, count: count) }

    /// Lends the arrays libpq wants; they are valid for the life of this object.
    func withArrays<R>(
        _ body: (
            _ values: UnsafePointer<UnsafePointer<CChar>?>, _ lengths: UnsafePointer<Int32>,
            _ formats: UnsafePointer<Int32>
        ) -> R
    ) -> R {
        body(memory.pointers, memory.lengths, memory.formats)
    }
}
