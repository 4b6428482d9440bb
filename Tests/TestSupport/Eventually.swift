/// A condition that did not come true in time.
package struct NotInTime: Error, CustomStringConvertible {
    package let what: String
    package let waited: Duration
    package let place: String

    package var description: String { "\(what): not within \(waited) (\(place))" }
}

/// Waits for a condition, which is looked at every few milliseconds, and at least once after the deadline.
///
/// - Throws: `NotInTime`, or what the condition throws.
nonisolated(nonsending) package func eventually(
    _ what: String = "the condition", within limit: Duration = .seconds(60), file: StaticString = #fileID,
    line: UInt = #line, _ condition: nonisolated(nonsending) () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + limit
    while true {
        let isLate = ContinuousClock.now >= deadline
        if try await condition() { return }
        if isLate { throw NotInTime(what: what, waited: limit, place: "\(file):\(line)") }
        try await Task.sleep(for: .milliseconds(3))
    }
}
