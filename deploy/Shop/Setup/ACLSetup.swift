import Contracts
import Kafka

/// Grants each service what the table in `Contracts` says that it needs, and no more.
enum ACLSetup {
    /// What a service may do: write what it says, read what it hears, and be in its own group.
    ///
    /// Kafka has `Describe` come with each of them, and the idempotent producer needs nothing beside `Write`.
    static func bindings(of service: String) -> [ACLBinding] {
        let principal = "User:\(service)"
        return [
            ACLBinding(principal, .write, .topics(prefix: "\(service).")),
            ACLBinding(principal, .read, .group(service)),
        ] + Topic.consumed(by: service).map { ACLBinding(principal, .read, .topic($0.name)) }
    }

    static let all = Shop.services.flatMap(bindings)

    /// Grants what is missing; takes nothing back.
    ///
    /// - Returns: what was missing.
    /// - Throws: `Failure` where the cluster has no authorizer; `KafkaError`.
    static func establish(with admin: KafkaAdmin) async throws -> [ACLBinding] {
        let missing = try await missing(admin)
        guard !missing.isEmpty else { return [] }
        guard try await admin.createACLs(missing) else {
            throw Failure(
                "this cluster has no authorizer, so everybody may do everything: give its brokers an "
                    + "`authorizer.class.name`, or leave --acls out")
        }
        // The controller answers before the brokers know.
        let deadline = ContinuousClock.now + Shop.brokerTimeout
        while let first = try await Self.missing(admin).first {
            guard ContinuousClock.now < deadline else {
                throw Failure("the cluster has taken `\(first)`, and does not know of it")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        return missing
    }

    /// What the cluster knows; nil where it does not answer, as the local broker, to which rights mean nothing.
    static func present(_ admin: KafkaAdmin, within limit: Duration) async throws -> Set<ACLBinding>? {
        do throws(KafkaError) {
            return try await admin.acls(timeout: limit)
        } catch .timedOut {
            return nil
        }
    }

    private static func missing(_ admin: KafkaAdmin) async throws -> [ACLBinding] {
        guard let present = try await present(admin, within: Shop.brokerTimeout) else {
            throw Failure("this broker answers nothing about ACLs, as the local one does: leave --acls out")
        }
        return all.filter { !present.contains($0) }
    }
}
