import Glibc
import Kafka
import ShopHarness
import TestSupport

/// The leader dies with a large window acknowledged by Kafka of which its cursor knows nothing.
///
/// Kafka is silenced until enough events wait, so that the next window is that large.
let relayLeaderKilled = Experiment(
    name: "relay-leader-killed",
    summary: "kill -9 of the leading relay of two with 1,000 records sent and none noted, 10 times",
    instances: 2, isProxied: true
) { trial in
    var allowed: Int64 = 0
    let size = trial.size(1000, quick: 150)
    try await trial.underLoad(trial.fastLoad) {
        for _ in 0..<trial.size(10, quick: 2) {
            let kafka = try trial.requireProxies.kafka
            try await kafka.set(.silent)
            // A leader that has only begun takes the events of one second first, then of two.
            try await eventually("enough events wait", within: .seconds(180)) {
                try await trial.unpublished(.orders) >= 3 * Int64(size)
            }
            let before = try await trial.epoch(.orders)
            try trial.arm("relay.sent", of: .orders, size: size)
            try await kafka.set(.forward)
            guard let leader = try await trial.death(of: .orders, within: .seconds(30)) else {
                trial.disarm("relay.sent", of: .orders)
                trial.report.fail("no relay sent \(size) records at once")
                continue
            }
            allowed += try await trial.unpublished(.orders)
            try await trial.expectNewLeader(of: .orders, after: before, within: 2)
            try trial.shop.launch(leader)
            try await trial.pause(0.2...1)
        }
    }
    try await trial.settle()
    let duplicates = try await trial.duplicates(of: .orders)
    trial.report.tally.count("duplicates in orders' topics", duplicates)
    trial.report.tally.count("duplicates allowed", Int(allowed))
    trial.report.expect(duplicates > 0, "no record was sent twice")
    trial.report.expect(duplicates <= allowed, "\(duplicates) records were sent twice, \(allowed) may be")
}

/// A process that stands still believes that it still is what it was.
let paused = Experiment(
    name: "paused",
    summary:
        "two of each service; SIGSTOP for 25 s of a consumer in its transaction, of a relay before it sends",
    faults: "pauses", instances: 2,
    changes: { _ in ["KAFKA_SESSION_TIMEOUT_MS": "10000"] }
) { trial in
    try await trial.underLoad {
        for round in 0..<trial.size(4, quick: 2) {
            if round % 2 == 0 {
                let consumer: ServiceName = round == 0 ? .inventory : .payments
                try await trial.stopAndGo(consumer, at: "consumer.committing")
            } else {
                let before = try await trial.epoch(.orders)
                try await trial.stopAndGo(.orders, at: "relay.sending") {
                    // Its connection is silent, and the server ends it.
                    try await trial.expectNewLeader(of: .orders, after: before, within: 20)
                }
            }
            try await trial.expectProgress(since: .now, within: 10, after: "a pause")
        }
        // A process that stands still for another reason at that moment may find its transaction as it was.
        for _ in 0..<2 where trial.refusedTransactions == 0 {
            try await trial.stopAndGo(.inventory, at: "consumer.committing")
            try await trial.expectProgress(since: .now, within: 10, after: "a pause")
        }
    }
    let fenced = trial.refusedTransactions
    trial.report.tally.count("transactions fenced or ended by Postgres", fenced)
    trial.report.expect(fenced > 0, "no transaction of a paused process was refused")
    try await trial.settle()
    let duplicates = try await trial.duplicates(of: .orders)
    trial.report.tally.count("late duplicates of the relay", duplicates)
    trial.report.expect(duplicates > 0, "no record of a paused relay came late")
}

extension Trial {
    /// What the processes have logged of transactions that another member's claim or the server has ended.
    fileprivate var refusedTransactions: Int {
        logged("belong to another member now") + logged("25P03")
    }

    /// Orders faster than they come to their end, which nobody waits for.
    var fastLoad: LoadSettings {
        var load = usualLoad
        load.awaitsEnd = false
        if load.rate == 0 { (load.rate, load.clients) = (Double(size(500, quick: 200)), 64) }
        return load
    }

    var requireProxies: Proxies {
        get throws {
            guard let proxies else { throw Failure("\(experiment.name) needs proxies") }
            return proxies
        }
    }

    /// Each term has an epoch of its own, since the database counts them.
    func expectNewLeader(of service: ServiceName, after epoch: Int64, within limit: Double) async throws {
        let began = now()
        do {
            try await eventually("another relay leads", within: .seconds(40)) {
                try await self.epoch(service) > epoch
            }
        } catch is NotInTime { return report.fail("no relay of \(service) led in 40 s") }
        let seconds = now() - began
        report.tally.most("ms to the next leader, at most", Int(seconds * 1000))
        report.expect(seconds <= granted(limit), "the next relay led after \(seconds) s, not \(limit)")
    }

    /// Records of a service that repeat an event.
    func duplicates(of service: ServiceName) async throws -> Int {
        var seen: Set<[UInt8]> = []
        var duplicates = 0
        for record in try await shop.topics.records() where record.topic.hasPrefix("\(service).") {
            guard let id = record.headers.first(where: { $0.name == "ce_id" })?.value else { continue }
            if !seen.insert(Array(id)).inserted { duplicates += 1 }
        }
        return duplicates
    }

    /// Has one process of the service stop at a place, and go on long after the others have given it up.
    fileprivate func stopAndGo(
        _ service: ServiceName, at place: String, meanwhile: () async throws -> Void = {}
    ) async throws {
        try arm(place, of: service, signal: SIGSTOP)
        let candidates = instances.filter { $0.service == service }.compactMap { shop.program($0) }
        do {
            try await eventually("\(service) stands at \(place)", within: .seconds(30)) {
                candidates.contains { Self.isStopped($0.pid) }
            }
        } catch is NotInTime {
            disarm(place, of: service)
            return report.fail("\(service) never came to \(place)")
        }
        report.fault()
        let began = now()
        do {
            try await meanwhile()
            try await pause(max(0, 25 - (now() - began)))
        } catch {
            for program in candidates { program.signal(SIGCONT) }
            throw error
        }
        for program in candidates { program.signal(SIGCONT) }
    }

    private static func isStopped(_ pid: Int32) -> Bool {
        guard let line = try? readText("/proc/\(pid)/stat"), let end = line.lastIndex(of: ")")
        else { return false }
        return line[end...].dropFirst(2).first == "T"
    }
}
