import Synchronization

@testable import Messaging

/// A consumer that its own handler stops.
final class Parts: Sendable {
    private let held = Mutex<EventConsumer<EffectHandler>?>(nil)

    var consumer: EventConsumer<EffectHandler>? { held.withLock { $0 } }
    func set(_ consumer: EventConsumer<EffectHandler>) { held.withLock { $0 = consumer } }
}
