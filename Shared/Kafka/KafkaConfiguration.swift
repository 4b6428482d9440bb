/// How to reach a cluster, and the few settings that differ between clusters.
///
/// Everything else is decided in `ClientSettings`, the same for all services, rather than left to a library's
/// defaults.
package struct KafkaConfiguration: Sendable {
    /// `host:port`, several of them separated by commas.
    package var bootstrapServers: String
    /// Shown in the broker's logs and metrics, and the name of the client's thread.
    package var clientID: String
    /// Further settings of librdkafka, which win over ours: `security.protocol`, `ssl.ca.location` and the
    /// like.
    package var securitySettings: [String: String]
    /// How long a broker with nothing new may keep a fetch request open.
    ///
    /// A real broker answers as soon as a record is there. The mock cluster only answers at the end of this
    /// wait, so there it has to be short (5).
    package var fetchWaitMilliseconds: Int
    /// How long a member of a consumer group may be silent before its partitions go to others.
    ///
    /// The mock cluster lets a group wait nearly as long as this at each change of its members, and 3 seconds at its
    /// start, so there it has to be short but above those (4000); a real broker takes no less than 6000.
    package var sessionTimeoutMilliseconds = 10_000

    package init(
        bootstrapServers: String, clientID: String, securitySettings: [String: String] = [:],
        fetchWaitMilliseconds: Int = 500
    ) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
        self.securitySettings = securitySettings
        self.fetchWaitMilliseconds = fetchWaitMilliseconds
    }
}
