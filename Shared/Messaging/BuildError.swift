package import Kafka

/// Only another build, or an operator, can help: a missing table, topic or permission.
///
/// The service stops with these words rather than turn a bad deployment into a topic full of dead letters, or an outbox
/// that nobody empties.
package struct BuildError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }

    /// What stays refused until a person has acted.
    package init(refusal error: KafkaError) {
        switch error {
        case .authorization:
            self.init(
                "Kafka refuses this service: \(error): `shop doctor` says which right is missing, "
                    + "`shop setup --acls` grants it; then start it again")
        case .configuration(let reason):
            self.init("the settings for Kafka can't be: \(reason): mend them, then start it again")
        default: self.init("Kafka refuses this service: \(error): see `shop doctor`")
        }
    }
}

extension BuildError {
    /// Makes a client of Kafka's.
    ///
    /// - Throws: `BuildError` where a setting can't be, such as a certificate's file that is not there; `KafkaError`.
    static func checking<Client>(_ make: () throws(KafkaError) -> Client) throws -> Client {
        do {
            return try make()
        } catch .configuration(let reason) {
            throw BuildError(refusal: .configuration(reason))
        }
    }
}
