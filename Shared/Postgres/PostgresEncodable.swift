package import Kernel

/// A value that can be a parameter of a statement.
///
/// These are Bool, Int16, Int32, Int64, String (text), [UInt8] (bytea), Identifier (uuid), Timestamp
/// (timestamptz), their optionals, and arrays of all of these. The server is told the type of each, so JSON
/// and enums go in as text and are cast in the statement: `$1::jsonb`.
package protocol PostgresEncodable: Sendable {
    /// The object id of the type the server is told.
    static var postgresType: UInt32 { get }
    /// Writes the binary form; false means NULL, and nothing was written.
    func encode(into writer: inout PostgresWriter) -> Bool
}

/// What arrays can be made of; implemented per type, so that the loop over the elements is specialised.
package protocol PostgresArrayElement: Sendable {
    static var postgresArrayType: UInt32 { get }
    static func encode(array: [Self], into writer: inout PostgresWriter)
}

/// A type with a value of its own, in contrast to an optional or an array of one.
package protocol PostgresScalar: PostgresEncodable, PostgresArrayElement {
    func write(to writer: inout PostgresWriter)
    static func encode(optionals: [Self?], into writer: inout PostgresWriter)
}

extension PostgresScalar {
    package func encode(into writer: inout PostgresWriter) -> Bool {
        write(to: &writer)
        return true
    }

    package static func encode(array: [Self], into writer: inout PostgresWriter) {
        writer.putArrayHead(count: array.count, element: postgresType, hasNulls: false)
        for value in array { writer.putSized { value.write(to: &$0) } }
    }

    package static func encode(optionals: [Self?], into writer: inout PostgresWriter) {
        writer.putArrayHead(count: optionals.count, element: postgresType, hasNulls: true)
        for value in optionals {
            if let value {
                writer.putSized { value.write(to: &$0) }
            } else {
                writer.put(Int32(-1))
            }
        }
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package static var postgresType: UInt32 { Wrapped.postgresType }
    package func encode(into writer: inout PostgresWriter) -> Bool {
        self?.encode(into: &writer) ?? false
    }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresScalar {
    package static var postgresArrayType: UInt32 { Wrapped.postgresArrayType }
    package static func encode(array: [Wrapped?], into writer: inout PostgresWriter) {
        Wrapped.encode(optionals: array, into: &writer)
    }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    package static var postgresType: UInt32 { Element.postgresArrayType }
    package func encode(into writer: inout PostgresWriter) -> Bool {
        Element.encode(array: self, into: &writer)
        return true
    }
}

/// An "array" of these is not one to Postgres but a bytea.
extension UInt8: PostgresArrayElement {
    package static var postgresArrayType: UInt32 { PostgresType.bytea }
    package static func encode(array: [UInt8], into writer: inout PostgresWriter) {
        array.withUnsafeBytes { writer.put($0) }
    }
}

extension Array: PostgresArrayElement where Element == UInt8 {
    package static var postgresArrayType: UInt32 { PostgresType.byteaArray }
}

extension Array: PostgresScalar where Element == UInt8 {
    package func write(to writer: inout PostgresWriter) {
        withUnsafeBytes { writer.put($0) }
    }
}

extension Bool: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.bool }
    package static var postgresArrayType: UInt32 { PostgresType.boolArray }
    package func write(to writer: inout PostgresWriter) { writer.put(self ? 1 : 0 as UInt8) }
}

extension Int16: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.int2 }
    package static var postgresArrayType: UInt32 { PostgresType.int2Array }
    package func write(to writer: inout PostgresWriter) { writer.put(self) }
}

extension Int32: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.int4 }
    package static var postgresArrayType: UInt32 { PostgresType.int4Array }
    package func write(to writer: inout PostgresWriter) { writer.put(self) }
}

extension Int64: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.int8 }
    package static var postgresArrayType: UInt32 { PostgresType.int8Array }
    package func write(to writer: inout PostgresWriter) { writer.put(self) }
}

extension String: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.text }
    package static var postgresArrayType: UInt32 { PostgresType.textArray }
    package func write(to writer: inout PostgresWriter) {
        var text = self
        text.withUTF8 { writer.put(UnsafeRawBufferPointer($0)) }
    }
}

extension Identifier: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.uuid }
    package static var postgresArrayType: UInt32 { PostgresType.uuidArray }
    package func write(to writer: inout PostgresWriter) {
        writer.put(high)
        writer.put(low)
    }
}

extension Timestamp: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.timestamptz }
    package static var postgresArrayType: UInt32 { PostgresType.timestamptzArray }
    package func write(to writer: inout PostgresWriter) {
        writer.put(unixMicroseconds &- postgresEpochMicroseconds)
    }
}
