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
    func encode(into parameters: PostgresParameters) -> Bool
}

/// What arrays can be made of; implemented per type, so that the loop over the elements is specialised.
package protocol PostgresArrayElement: Sendable {
    static var postgresArrayType: UInt32 { get }
    static func encode(array: [Self], into parameters: PostgresParameters)
}

/// A type with a value of its own, in contrast to an optional or an array of one.
package protocol PostgresScalar: PostgresEncodable, PostgresArrayElement {
    func write(to parameters: PostgresParameters)
    static func encode(optionals: [Self?], into parameters: PostgresParameters)
}

extension PostgresScalar {
    package func encode(into parameters: PostgresParameters) -> Bool {
        write(to: parameters)
        return true
    }

    package static func encode(array: [Self], into parameters: PostgresParameters) {
        parameters.putArrayHead(count: array.count, element: postgresType, hasNulls: false)
        for value in array { parameters.putSized { value.write(to: parameters) } }
    }

    package static func encode(optionals: [Self?], into parameters: PostgresParameters) {
        parameters.putArrayHead(count: optionals.count, element: postgresType, hasNulls: true)
        for value in optionals {
            if let value {
                parameters.putSized { value.write(to: parameters) }
            } else {
                parameters.put(Int32(-1))
            }
        }
    }
}

extension Optional: PostgresEncodable where Wrapped: PostgresEncodable {
    package static var postgresType: UInt32 { Wrapped.postgresType }
    package func encode(into parameters: PostgresParameters) -> Bool {
        self?.encode(into: parameters) ?? false
    }
}

extension Optional: PostgresArrayElement where Wrapped: PostgresScalar {
    package static var postgresArrayType: UInt32 { Wrapped.postgresArrayType }
    package static func encode(array: [Wrapped?], into parameters: PostgresParameters) {
        Wrapped.encode(optionals: array, into: parameters)
    }
}

extension Array: PostgresEncodable where Element: PostgresArrayElement {
    package static var postgresType: UInt32 { Element.postgresArrayType }
    package func encode(into parameters: PostgresParameters) -> Bool {
        Element.encode(array: self, into: parameters)
        return true
    }
}

/// An "array" of these is not one to Postgres but a bytea.
extension UInt8: PostgresArrayElement {
    package static var postgresArrayType: UInt32 { PostgresType.bytea }
    package static func encode(array: [UInt8], into parameters: PostgresParameters) {
        array.withUnsafeBytes { parameters.put($0) }
    }
}

extension Array: PostgresArrayElement where Element == UInt8 {
    package static var postgresArrayType: UInt32 { PostgresType.byteaArray }
}

extension Array: PostgresScalar where Element == UInt8 {
    package func write(to parameters: PostgresParameters) {
        withUnsafeBytes { parameters.put($0) }
    }
}

extension Bool: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.bool }
    package static var postgresArrayType: UInt32 { PostgresType.boolArray }
    package func write(to parameters: PostgresParameters) { parameters.put(self ? 1 : 0 as UInt8) }
}

extension Int16: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.int2 }
    package static var postgresArrayType: UInt32 { PostgresType.int2Array }
    package func write(to parameters: PostgresParameters) { parameters.put(self) }
}

extension Int32: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.int4 }
    package static var postgresArrayType: UInt32 { PostgresType.int4Array }
    package func write(to parameters: PostgresParameters) { parameters.put(self) }
}

extension Int64: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.int8 }
    package static var postgresArrayType: UInt32 { PostgresType.int8Array }
    package func write(to parameters: PostgresParameters) { parameters.put(self) }
}

extension String: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.text }
    package static var postgresArrayType: UInt32 { PostgresType.textArray }
    package func write(to parameters: PostgresParameters) {
        var text = self
        text.withUTF8 { parameters.put(UnsafeRawBufferPointer($0)) }
    }
}

extension Identifier: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.uuid }
    package static var postgresArrayType: UInt32 { PostgresType.uuidArray }
    package func write(to parameters: PostgresParameters) {
        parameters.put(high)
        parameters.put(low)
    }
}

extension Timestamp: PostgresScalar {
    package static var postgresType: UInt32 { PostgresType.timestamptz }
    package static var postgresArrayType: UInt32 { PostgresType.timestamptzArray }
    package func write(to parameters: PostgresParameters) {
        parameters.put(unixMicroseconds &- postgresEpochMicroseconds)
    }
}
