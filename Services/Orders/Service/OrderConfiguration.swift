import ServiceRuntime

/// The settings that orders has beside the common ones.
enum OrderKeys {
    static let deadline = ConfigurationKey.seconds(
        "ORDER_DEADLINE_SECONDS", default: 60, in: 0.05...86_400,
        "how long an order may take to be confirmed; then it is cancelled")
    static let idempotencyRetention = ConfigurationKey.seconds(
        "ORDER_IDEMPOTENCY_SECONDS", default: 86_400, in: 60...2_592_000,
        "how long an Idempotency-Key is remembered")

    static let table = [deadline.entry, idempotencyRetention.entry]
}
