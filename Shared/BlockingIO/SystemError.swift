/// A call into the operating system that failed, such as a thread or a descriptor it had no room for.
package struct SystemError: Error, Hashable, CustomStringConvertible {
    package let call: String
    /// The `errno` of the call.
    package let code: Int32

    package init(call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    package var description: String { "\(call) failed with errno \(code)" }
}
