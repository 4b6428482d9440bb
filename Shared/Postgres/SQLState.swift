/// The five characters by which Postgres names a kind of error; the first two are its class.
package struct SQLState: RawRepresentable, Hashable, Sendable {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    package static let divisionByZero = SQLState(rawValue: "22012")
    package static let uniqueViolation = SQLState(rawValue: "23505")
    package static let insufficientPrivilege = SQLState(rawValue: "42501")
    package static let undefinedTable = SQLState(rawValue: "42P01")
    /// A wait ran into `lock_timeout`.
    package static let lockNotAvailable = SQLState(rawValue: "55P03")
    /// A statement ran into `statement_timeout`, or somebody at the server cancelled it.
    package static let queryCanceled = SQLState(rawValue: "57014")
}

/// What a caller does about an error.
package enum ErrorClassification: String, Hashable, Sendable {
    /// It would hit any record: wait and try again, for as long as it takes.
    case transient
    /// It is the record's fault: set the record aside and go on.
    case permanentRecord
    /// Code and database don't fit together: stop the service before it sets a whole topic aside.
    case permanentBuild
}

extension SQLState {
    /// By class, with the exceptions first; what is unknown stops the service, since nobody has thought about
    /// it.
    package var classification: ErrorClassification {
        switch rawValue {
        // Of class 54 those that a value runs into: an index entry or a nesting that is too large.
        case "40002", "54000", "54001", "P0001": return .permanentRecord
        case "55P03", "57014", "25P03", "25006", "26000": return .transient
        default: break
        }
        switch rawValue.prefix(2) {
        case "08", "40", "53", "57", "58": return .transient
        case "22", "23": return .permanentRecord
        default: return .permanentBuild
        }
    }
}

extension PostgresError {
    /// What to do about it; `outcomeUnknown` counts as transient, as all our transactions may be repeated.
    package var classification: ErrorClassification {
        switch self {
        case .server(let error): error.isStalePlan ? .transient : error.sqlState.classification
        case .connectionFailed, .connectionLost, .outcomeUnknown, .deadlineExceeded: .transient
        case .overloaded, .cancelled, .closed: .transient
        case .decoding, .misuse, .configuration: .permanentBuild
        }
    }
}
