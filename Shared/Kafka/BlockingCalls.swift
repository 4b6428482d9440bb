import BlockingIO

/// A thread for the few calls of a producer that block: one after the other, in the order they were made.
actor BlockingCalls {
    private let executor: ThreadExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(name: String) throws(KafkaError) {
        do {
            executor = try ThreadExecutor(name: name)
        } catch {
            throw .other(code: error.code, error.description)
        }
    }

    func run<Success: Sendable>(
        _ body: @Sendable () throws(KafkaError) -> Success
    ) throws(KafkaError) -> Success {
        try body()
    }
}
