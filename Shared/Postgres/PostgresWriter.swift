/// Writes the binary form of values into one block that grows.
///
/// The block is whoever's who takes it at the end.
package struct PostgresWriter {
    private(set) var bytes: UnsafeMutableRawPointer
    private(set) var size = 0
    private var capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        bytes = .allocate(byteCount: capacity, alignment: 8)
    }

    @inline(__always)
    mutating func put<Integer: FixedWidthInteger & BitwiseCopyable>(_ value: Integer) {
        reserve(MemoryLayout<Integer>.size)
        bytes.storeBytes(of: value.bigEndian, toByteOffset: size, as: Integer.self)
        size += MemoryLayout<Integer>.size
    }

    mutating func put(_ source: UnsafeRawBufferPointer) {
        reserve(source.count)
        if let base = source.baseAddress { (bytes + size).copyMemory(from: base, byteCount: source.count) }
        size += source.count
    }

    /// Writes something with its length before it, as the elements of an array are.
    @inline(__always)
    mutating func putSized(_ body: (inout Self) -> Void) {
        put(Int32(0))
        let start = size
        body(&self)
        let length = Int32(clamping: size - start)
        bytes.storeBytes(of: length.bigEndian, toByteOffset: start - 4, as: Int32.self)
    }

    /// Writes the head of a one-dimensional array; an empty array has no dimension at all.
    mutating func putArrayHead(count: Int, element: UInt32, hasNulls: Bool) {
        put(Int32(count == 0 ? 0 : 1))
        put(Int32(hasNulls ? 1 : 0))
        put(element)
        guard count > 0 else { return }
        put(Int32(clamping: count))
        put(Int32(1))
    }

    @inline(__always)
    private mutating func reserve(_ more: Int) {
        if size + more > capacity { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        capacity = max(capacity * 2, size + more)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 8)
        larger.copyMemory(from: bytes, byteCount: size)
        bytes.deallocate()
        bytes = larger
    }
}
