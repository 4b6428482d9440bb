/// A right on a cluster: who may do what with which of its resources, from any host.
package struct ACLBinding: Hashable, Sendable {
    package enum Operation: String, Sendable {
        case read = "Read"
        case write = "Write"
    }

    package enum Resource: Hashable, Sendable {
        case topic(String)
        /// All topics whose names begin so, also those that come later.
        case topics(prefix: String)
        case group(String)
    }

    /// As the brokers call whoever has shown a certificate or a password, such as `User:orders`.
    package let principal: String
    package let operation: Operation
    package let resource: Resource

    package init(_ principal: String, _ operation: Operation, _ resource: Resource) {
        self.principal = principal
        self.operation = operation
        self.resource = resource
    }
}

extension ACLBinding: CustomStringConvertible {
    package var description: String { "\(operation.rawValue) on \(resource) for \(principal)" }
}

extension ACLBinding.Resource: CustomStringConvertible {
    package var description: String {
        switch self {
        case .topic(let name): "topic \(name)"
        case .topics(let prefix): "topics \(prefix)*"
        case .group(let name): "group \(name)"
        }
    }
}
