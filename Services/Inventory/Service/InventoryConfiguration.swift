import ServiceRuntime

/// The settings that inventory has beside the common ones.
enum InventoryKeys {
    static let idempotencyRetention = ConfigurationKey.seconds(
        "RESTOCK_IDEMPOTENCY_SECONDS", default: 86_400, in: 60...2_592_000,
        "how long the Idempotency-Key of a delivery is remembered")

    static let table = [idempotencyRetention.entry]
}
