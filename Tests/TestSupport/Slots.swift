/// Lets a number of tasks in at a time, the others in the order they came.
actor Slots {
    @TaskLocal private static var isInside = false
    private var free: Int
    private var waiters: [CheckedContinuation<Void, Never>] = []

    init(_ count: Int) { free = count }

    /// Runs the closure when there is room; a task that is inside already needs none, or it could wait for
    /// itself.
    nonisolated(nonsending) func withSlot<R>(
        _ body: nonisolated(nonsending) () async throws -> R
    ) async throws -> R {
        if Slots.isInside { return try await body() }
        await enter()
        let result: Result<R, any Error>
        do {
            result = .success(try await Slots.$isInside.withValue(true) { try await body() })
        } catch {
            result = .failure(error)
        }
        await leave()
        return try result.get()
    }

    private func enter() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiters.append($0) }
        }
    }

    private func leave() {
        if waiters.isEmpty { free += 1 } else { waiters.removeFirst().resume() }
    }
}
