import Glibc
import ShopHarness
import TestSupport

let brokerKilled = Experiment(
    name: "broker-killed", summary: "kill -9 of the broker, 10 s down, started on the same data, 5 times"
) { trial in
    var load = trial.fastLoad
    if trial.options.rate == 0 { load.rate = 100 }
    try await trial.underLoad(load) {
        for _ in 0..<trial.size(5, quick: 1) {
            try await trial.pause(0.5...1.5)
            let down = WallTime.now
            try await trial.parts.tell("kill", "kafka", by: trial.shop)
            trial.report.fault()
            try await trial.pause(Double(trial.size(10, quick: 3)))
            let waiting = try await trial.unpublished(.orders)
            let taken = try await trial.shop.books.number(
                "SELECT count(*) FROM orders.orders WHERE created_at > \(down.sql)")
            try await trial.parts.tell("start", "kafka", by: trial.shop)
            let up = WallTime.now
            trial.report.tally.count("orders taken without a broker", Int(taken))
            trial.report.tally.most("events that waited, at most", Int(waiting))
            trial.report.expect(taken > 0, "no order was taken while the broker was away")
            trial.report.expect(waiting > 0, "no event waited while the broker was away")
            try await trial.expectProgress(since: up, within: 5, after: "a start of the broker")
        }
    }
    try await trial.expectAllRunning("while the broker was away")
    try await trial.settle()
}

/// A new cluster with no topics is in the broker's place; the services wait for a person's one command.
let kafkaWiped = Experiment(
    name: "kafka-wiped", summary: "an empty cluster in the broker's place, then `shop outbox rewind --all`",
    faults: "wipes", changes: { _ in ["KAFKA_ON_NEW_CLUSTER": "stop"] }
) { trial in
    var load = trial.fastLoad
    if trial.options.rate == 0 { load.rate = 100 }
    try await trial.underLoad(load) {
        try await trial.pause(2...3)
        try await trial.parts.tell("wipe", "kafka", by: trial.shop)
        try await trial.parts.tell("start", "kafka", by: trial.shop)
        trial.report.fault()
        for instance in trial.instances {
            do {
                try await eventually("\(instance) says that the cluster is new", within: .seconds(30)) {
                    try trial.shop.log(instance.service).contains("is new to this database")
                }
            } catch is NotInTime {
                trial.report.fail("\(instance) did not say that the cluster is new")
            }
        }
        try await trial.pause(2)
        let rewind = try await trial.shop.tool("outbox", "rewind", "--all")
        trial.report.expect(rewind.code == 0, "the rewind failed: \(rewind.output)")
        try await trial.expectProgress(since: .now, within: 30, after: "the rewind")
    }
    try await trial.expectAllRunning("on the new cluster")
    try await trial.settle()
}

let postgresStopped = Experiment(
    name: "postgres-stopped", summary: "Postgres stopped as in a crash and started again, 5 times",
    faults: "stops"
) { trial in
    try await trial.underLoad {
        for _ in 0..<trial.size(5, quick: 2) {
            try await trial.pause(0.5...2)
            try await trial.parts.tell("kill", "postgres", by: trial.shop)
            trial.report.fault()
            try await trial.pause(0...2)
            try await trial.parts.tell("start", "postgres", by: trial.shop)
            let up = WallTime.now
            try await trial.expectAllReady(within: 3)
            try await trial.expectProgress(since: up, within: 5, after: "a start of Postgres")
        }
    }
    try await trial.expectAllRunning("while Postgres was away")
    try await trial.settle()
}

/// Nothing comes and nobody is told: what a firewall does that forgets its connections.
let blackHoles = Experiment(
    name: "black-holes",
    summary: "Postgres, Kafka and the gateway's ledger silent for 30 s, one after another, then all of them",
    faults: "black holes", isProxied: true
) { trial in
    try await trial.underLoad {
        try await trial.pause(Double(trial.size(5, quick: 2)))
        let usual = try await trial.confirmedPerSecond(over: Double(trial.size(5, quick: 2)))
        let before = trial.residentKilobytes
        let proxies = try trial.requireProxies
        for (name, silenced) in [
            ("Postgres", [proxies.postgres]), ("Kafka", [proxies.kafka]), ("the gateway", [proxies.gateway]),
            ("all", [proxies.postgres, proxies.kafka, proxies.gateway]),
        ] {
            for proxy in silenced { try await proxy.set(.silent) }
            trial.report.fault()
            try await trial.pause(Double(trial.size(30, quick: 4)))
            for (instance, kilobytes) in trial.residentKilobytes {
                let grown = kilobytes * 100 / max(before[instance] ?? 1, 1)
                trial.report.tally.most("% of the usual memory, at most", grown)
                trial.report.expect(grown < 200, "\(instance) has grown to \(grown) % without \(name)")
            }
            for proxy in silenced { try await proxy.set(.forward) }
            try await trial.expectProgress(since: .now, within: 10, after: "the silence of \(name)")
            try await trial.expectUsualPace(usual, within: 10, after: name)
        }
    }
    try await trial.expectAllRunning("in the dark")
    try await trial.settle()
}

extension Trial {
    private func confirmed() async throws -> Int64 {
        try await lasting {
            try await shop.books.number("SELECT count(*) FROM orders.orders WHERE status = 'confirmed'")
        }
    }

    func confirmedPerSecond(over seconds: Double) async throws -> Double {
        let (before, began) = (try await confirmed(), now())
        try await pause(seconds)
        return Double(try await confirmed() - before) / (now() - began)
    }

    /// Half of the usual counts, since seconds jump on a shared machine.
    fileprivate func expectUsualPace(_ usual: Double, within limit: Double, after what: String) async throws {
        let began = now()
        var pace = 0.0
        repeat { pace = try await confirmedPerSecond(over: 1) } while pace < usual / 2 && now() - began < 60
        report.tally.most("s to half the usual pace, at most", Int(now() - began))
        report.expect(
            now() - began <= granted(limit) + 1,
            "\(what): \(pace) orders/s after \(now() - began) s, \(usual) before")
    }

    fileprivate func expectAllReady(within limit: Double) async throws {
        let began = now()
        for instance in instances {
            try await eventually("\(instance) is ready", within: .seconds(30)) {
                let port = shop.port(instance.service, instance: instance.number)
                return (try? await call("GET", port: port, "/readyz", seconds: 5))?.status == 200
            }
        }
        let seconds = now() - began
        report.tally.most("ms until all were ready, at most", Int(seconds * 1000))
        report.expect(seconds <= granted(limit), "not all were ready after \(seconds) s")
    }

    var residentKilobytes: [Instance: Int] {
        var sizes: [Instance: Int] = [:]
        for instance in instances {
            guard let pid = shop.program(instance)?.pid, let text = try? readText("/proc/\(pid)/statm"),
                let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
            else { continue }
            sizes[instance] = pages * Int(sysconf(Int32(_SC_PAGESIZE))) / 1024
        }
        return sizes
    }
}
