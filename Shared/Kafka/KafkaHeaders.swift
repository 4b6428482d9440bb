/// The headers of a record in the producer's order; a name may come more than once.
///
/// All in one piece of memory: events have a dozen, and two pieces for each would be two dozen allocations a record.
package struct KafkaHeaders: Sendable, RandomAccessCollection {
    /// The names and values, one behind the other.
    private var bytes: [UInt8] = []
    /// Where each of them ends.
    private var ends: [Int] = []

    init(_ headers: some Sequence<(name: String, value: [UInt8])>) {
        for (var name, value) in headers {
            name.withUTF8 { name in value.withUnsafeBytes { append(UnsafeRawBufferPointer(name), $0) } }
        }
    }

    /// No headers yet, and room for so many of an event.
    init(count: Int) {
        bytes.reserveCapacity(count * 40)
        ends.reserveCapacity(count * 2)
    }

    mutating func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: name)
        ends.append(bytes.count)
        bytes.append(contentsOf: value)
        ends.append(bytes.count)
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { ends.count / 2 }

    package subscript(position: Int) -> (name: String, value: [UInt8]) {
        (String(decoding: bytes[nameRange(position)], as: UTF8.self), Array(bytes[valueRange(position)]))
    }

    /// The value of the last header of this name; nil where there is none.
    package func last(named name: String) -> ArraySlice<UInt8>? {
        var name = name
        let position = name.withUTF8 { name in
            bytes.withUnsafeBufferPointer { bytes in
                indices.last { position in
                    let other = UnsafeBufferPointer(rebasing: bytes[nameRange(position)])
                    return other.count == name.count && other.elementsEqual(name)
                }
            }
        }
        return position.map { bytes[valueRange($0)] }
    }

    private func nameRange(_ position: Int) -> Range<Int> {
        (position == 0 ? 0 : ends[position * 2 - 1])..<ends[position * 2]
    }

    private func valueRange(_ position: Int) -> Range<Int> { ends[position * 2]..<ends[position * 2 + 1] }
}
