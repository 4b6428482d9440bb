import ShopHarness

/// One way to break the shop, and what it promises nevertheless.
struct Experiment: Sendable {
    let name: String
    /// What is done, for people.
    let summary: String
    /// What its faults are called when they are counted.
    var faults = "kills"
    /// Of each service.
    var instances = 1
    /// Whether the services reach Postgres, Kafka and the gateway's ledger by way of proxies.
    var isProxied = false
    var changes: @Sendable (Instance) -> [String: String] = { _ in [:] }
    /// Runs the load and breaks what is to be broken; what it finds wrong goes to the trial's report.
    let run: @Sendable (Trial) async throws -> Void
}

/// What came of an experiment.
struct Verdict: Sendable {
    let name: String
    let seed: UInt64
    var orders: Int64 = 0
    var faults = 0
    var faultName = ""
    var counts: [(name: String, count: Int)] = []
    var failures: [String] = []
    var seconds = 0.0

    var passed: Bool { failures.isEmpty }
}
