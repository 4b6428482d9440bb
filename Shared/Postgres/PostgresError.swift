/// Why a call to Postgres gave no result.
///
/// Never holds parameter values, and neither does its text. `classification` tells what to do about it.
package enum PostgresError: Error, Sendable {
    /// The server refused a statement; the connection is as good as before, a transaction has to be rolled
    /// back.
    case server(ServerError)
    /// No connection could be made, and nothing was sent.
    case connectionFailed(String)
    /// The connection broke during the call: a statement outside a transaction may or may not have taken
    /// effect, and a transaction that wasn't being committed has not.
    case connectionLost(String)
    /// The connection broke, or the deadline passed, while COMMIT was under way: look before doing it again,
    /// or do again only what changes nothing the second time.
    case outcomeUnknown(String)
    /// The call took longer than the configuration allows; it was cancelled at the server, and the connection
    /// dropped.
    case deadlineExceeded
    /// All connections were busy for too long, or too many callers were waiting already.
    case overloaded(String)
    /// The task was cancelled; what it had sent was cancelled at the server, and the connection dropped.
    case cancelled
    /// The pool, the connection or the transaction had ended before the call.
    case closed
    /// A value isn't what the caller said: the statement and the code that reads it don't agree.
    case decoding(column: Int, reason: String)
    /// The caller broke a rule of this module; a bug of ours.
    case misuse(String)
    /// The connection URL can't be read.
    case configuration(String)
}

/// What the server said about a statement it refused.
package struct ServerError: Error, Hashable, Sendable {
    package let sqlState: SQLState
    /// The primary message, without the values Postgres quotes in some of them; its DETAIL is left out for
    /// the same reason.
    package let message: String
    /// The name of the constraint that said no, for SQLSTATE class 23.
    package let constraint: String?
    package let table: String?
    /// The session's prepared statements don't match the tables any more, so the session is given up.
    let isStalePlan: Bool
}

extension PostgresError {
    /// The SQLSTATE, if it was the server that refused.
    package var sqlState: SQLState? {
        if case .server(let error) = self { error.sqlState } else { nil }
    }

    /// The name of the violated constraint, if the server named one.
    package var constraint: String? {
        if case .server(let error) = self { error.constraint } else { nil }
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .server(let error): error.description
        case .connectionFailed(let reason): "no connection to Postgres: \(reason)"
        case .connectionLost(let reason): "connection to Postgres lost: \(reason)"
        case .outcomeUnknown(let reason): "unknown whether the transaction was committed: \(reason)"
        case .deadlineExceeded: "Postgres did not answer before the deadline"
        case .overloaded(let reason): "no free connection to Postgres: \(reason)"
        case .cancelled: "cancelled while waiting for Postgres"
        case .closed: "the connection to Postgres is closed"
        case .decoding(let column, let reason): "column \(column) can't be read: \(reason)"
        case .misuse(let reason): "misuse of the Postgres module: \(reason)"
        case .configuration(let reason): reason
        }
    }
}

extension ServerError: CustomStringConvertible {
    package var description: String {
        // Libpq's own errors have no SQLSTATE.
        if sqlState.rawValue.isEmpty { return message }
        let violated = constraint.map { ", constraint \($0)" } ?? ""
        return "\(message) (SQLSTATE \(sqlState.rawValue)\(violated))"
    }
}
