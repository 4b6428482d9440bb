/// One of the things a service consists of: a pool, a producer, a relay, a consumer, the HTTP server.
///
/// Parts start in the order of their list and stop in the reverse.
package struct Part: Sendable {
    package let name: String
    let start: @Sendable () async throws -> Void
    let run: (@Sendable () async throws -> Void)?
    let stop: @Sendable () async -> Void

    /// A part of this name, which stands in the log when it fails.
    ///
    /// - Parameters:
    ///   - name: a word for the log.
    ///   - start: returns when the part works. What it throws ends the service with one line and code 69.
    ///   - run: the part's work, for as long as the service lives; begun when all parts have started. What it
    ///     throws stops the service with code 70, and so does its return before the stop.
    ///   - stop: gives everything back, within a few seconds. After it `run` is cancelled and awaited.
    package init(
        _ name: String, start: @escaping @Sendable () async throws -> Void = {},
        run: (@Sendable () async throws -> Void)? = nil, stop: @escaping @Sendable () async -> Void = {}
    ) {
        self.name = name
        self.start = start
        self.run = run
        self.stop = stop
    }
}
