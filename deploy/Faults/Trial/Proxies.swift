import TestSupport

/// Between the services and what they need, to be cut or silenced.
struct Proxies: Sendable {
    let postgres: FaultProxy
    let gateway: FaultProxy
    let kafka: FaultProxy

    init(_ parts: Parts) throws {
        guard let postgresPort = UInt16(exactly: parts.postgresPort),
            let kafkaPort = UInt16(exactly: parts.kafkaProxiedPort)
        else { throw Failure("these are no ports") }
        postgres = try FaultProxy(toPort: postgresPort)
        gateway = try FaultProxy(toPort: postgresPort)
        // The broker tells everybody who comes by its second listener to come by this port.
        kafka = try FaultProxy(toPort: kafkaPort + 1, listeningOn: kafkaPort)
    }

    func close() { for proxy in [postgres, gateway, kafka] { proxy.close() } }
}
