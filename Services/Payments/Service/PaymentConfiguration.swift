import ServiceRuntime

/// The settings that payments has beside the common ones.
enum PaymentKeys {
    static let gatewayDatabaseURL = ConfigurationKey.url(
        "GATEWAY_DATABASE_URL", schemes: ["postgres", "postgresql"], default: "", isSecret: true,
        "the Postgres database of the sandbox gateway, with its role `gateway`; needed to serve")
    static let gatewayTimeout = ConfigurationKey.seconds(
        "GATEWAY_TIMEOUT_SECONDS", default: 1, in: 0.01...60,
        "how long a call waits for the gateway's answer before it is made again")
    static let gatewayCallsMax = ConfigurationKey.integer(
        "GATEWAY_CALLS_MAX", default: 1024, in: 1...2048, "calls to the gateway that are out at once, at most"
    )
    static let sandboxSlowness = ConfigurationKey.seconds(
        "SANDBOX_SLOW_SECONDS", default: 2, in: 0...60, "how long the sandbox takes to answer `tok_slow`")

    static let table = [
        gatewayDatabaseURL.entry, gatewayTimeout.entry, gatewayCallsMax.entry, sandboxSlowness.entry,
    ]
    /// Not all that begins with `GATEWAY_`: the password of its role is for `shop setup`.
    static let prefixes = ["GATEWAY_TIMEOUT_", "GATEWAY_CALLS_", "SANDBOX_"]
}
