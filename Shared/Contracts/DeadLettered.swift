/// What stands on `SERVICE.deadLetters` for a record the service could not handle: as it came, with the reason.
package struct DeadLettered: Codable, Sendable, Equatable {
    package let topic: String
    package let partition: Int32
    package let offset: Int64
    /// The size of the value, in bytes.
    package let bytes: Int
    /// `contract` for a record no build of the service can read, or the SQLSTATE the database refused it with.
    package let errorClass: String
    /// At most 1,000 characters of it.
    package let error: String
    /// The value as it came, in base64; absent above 16 kB, when the service's `dead_letter` table alone has it.
    package let value: String?

    package init(
        topic: String, partition: Int32, offset: Int64, bytes: Int, errorClass: String, error: String,
        value: String?
    ) {
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.bytes = bytes
        self.errorClass = errorClass
        self.error = error
        self.value = value
    }
}
