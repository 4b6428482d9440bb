import BlockingIO

/// A thread for the few calls of a producer that block: one after the other, in the order they were made.
actor BlockingCalls {
    private let executor: ThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(name: String) throws(KafkaError) { executor = try .start(name) }

    func run<Success: Sendable>(
        _ body: @Sendable () throws(KafkaError) -> Success
    ) throws(KafkaError) -> Success {
        try body()
    }
}

extension ThreadExecutor {
    /// - Throws: `.other` when the system has no room for another thread.
    static func start(_ name: String) throws(KafkaError) -> ThreadExecutor {
        do {
            return try ThreadExecutor(name: name)
        } catch {
            throw .other(code: error.code, error.description)
        }
    }
}
