#if FAIL_POINTS
    import Glibc

    /// A named place where a fault experiment ends or stops this process, at the worst of moments.
    ///
    /// Builds that ship have none: every use stands inside `#if FAIL_POINTS`, which `Tests/TidyTests` checks, and only
    /// debug builds and `deploy/faults` define that.
    package enum FailPoint: String {
        /// The batch is handled, its transaction is open.
        case consumerCommitting = "consumer.committing"
        /// The batch is in Postgres, and Kafka has not heard how far this member is.
        case consumerCommitted = "consumer.committed"
        /// The rows are read and not sent.
        case relaySending = "relay.sending"
        /// All records are acknowledged, and the cursor has not moved.
        case relaySent = "relay.sent"
        /// The gateway has acted, and nobody has written down what it said.
        case gatewayAnswered = "payments.gateway.answered"

        private static let folder = getenv("FAIL_POINTS").map { String(cString: $0) }

        /// Sends this process a signal, where a file of this place's name lies in the folder that `FAIL_POINTS` names.
        ///
        /// The file says which signal, and how large the work in hand has to be: `9 1000`. Whoever removes the file is
        /// hit, so that one file hits one process, once.
        ///
        /// - Parameter size: of the work in hand, such as the number of records.
        package func reached(size: Int = 1) {
            guard let folder = Self.folder else { return }
            let path = "\(folder)/\(rawValue)"
            let descriptor = open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return }
            defer { close(descriptor) }
            var buffer = [UInt8](repeating: 0, count: 32)
            let count = read(descriptor, &buffer, buffer.count)
            let words = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self).split(separator: " ")
            guard let signal = words.first.flatMap({ Int32($0) }),
                let least = words.last.flatMap({ Int($0) }),
                size >= least, unlink(path) == 0
            else { return }
            kill(getpid(), signal)
        }
    }
#endif
