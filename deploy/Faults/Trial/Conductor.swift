import FoundationEssentials
import Glibc
import ShopHarness
import TestSupport

/// Runs one experiment after another, each on a shop of its own.
struct Conductor: Sendable {
    let options: Options
    let parts: Parts

    func conduct(_ experiment: Experiment) async -> Verdict {
        let began = now()
        var verdict = Verdict(name: experiment.name, seed: options.seed)
        verdict.faultName = experiment.faults
        do {
            verdict = try await run(experiment, verdict)
        } catch {
            verdict.failures.append("\(error)")
        }
        verdict.seconds = now() - began
        return verdict
    }

    private func run(_ experiment: Experiment, _ verdict: Verdict) async throws -> Verdict {
        var verdict = verdict
        let folder = URL(filePath: "\(String(cString: getenv("state")))/log/\(experiment.name)")
        try? FileManager.default.removeItem(at: folder)
        let failPoints = folder.appending(path: "fail-points").path
        for name in ServiceName.allCases {
            try FileManager.default.createDirectory(
                atPath: "\(failPoints)/\(name)", withIntermediateDirectories: true)
        }
        let proxies = experiment.isProxied ? try Proxies(parts) : nil
        defer { proxies?.close() }
        var options = ShopOptions()
        options.folder = folder
        options.postgresPort = (proxies?.postgres.port).map(Int.init)
        options.gatewayPort = (proxies?.gateway.port).map(Int.init)
        options.bootstrapServers = (proxies?.kafka.port).map { "127.0.0.1:\($0)" }
        options.changes = { instance in
            [
                "LOG_FORMAT": "json", "LOG_LEVEL": "warning",
                "FAIL_POINTS": "\(failPoints)/\(instance.service)",
            ]
            .merging(experiment.changes(instance)) { $1 }
        }
        var failures: [String] = []
        try await RunningShop.withShop(on: parts.settings, options) { shop in
            for name in ServiceName.allCases where experiment.instances > 1 {
                for number in 2...experiment.instances { try await shop.start(name, instance: number) }
            }
            let trial = Trial(
                experiment, self.options, seed: self.options.seed, shop: shop, parts: parts, proxies: proxies,
                failPoints: failPoints)
            try await trial.listProducts()
            do {
                try await experiment.run(trial)
            } catch {
                trial.report.fail("ended early: \(error)")
            }
            verdict.faults = trial.report.faults
            verdict.orders = try await trial.lasting {
                try await shop.books.number("SELECT count(*) FROM orders.orders")
            }
            trial.report.expect(verdict.faults > 0, "no fault happened")
            trial.report.expect(
                verdict.orders >= self.options.orders, "only \(verdict.orders) orders were placed")
            verdict.counts = trial.report.tally.all
            failures = trial.report.failures
            if self.options.holds, !failures.isEmpty {
                say("\(experiment.name) failed, and its shop is left running; Ctrl-C ends it")
                for failure in failures { say("  ! \(failure)") }
                while true { try await trial.pause(60) }
            }
        }
        verdict.failures += failures
        return verdict
    }
}

extension Trial {
    /// Lists what customers order, with more stock than they can take, and one product without any.
    func listProducts() async throws {
        let headers = ["Content-Type": "application/json"]
        let port = shop.port(.inventory)
        let names = (0..<OrderPlan.products).map(OrderPlan.product) + [OrderPlan.soldOut]
        try await onThread {
            let connection = try WebConnection(port: port, seconds: 20)
            for name in names {
                let price = #"{"name":"\#(name)","price":{"amount":250,"currency":"EUR"}}"#
                _ = try connection.call("PUT", "/v1/products/\(name)", headers: headers, body: price)
                guard name != OrderPlan.soldOut else { continue }
                let key = headers.merging(["Idempotency-Key": "stock-of-\(name)"]) { $1 }
                let answer = try connection.call(
                    "POST", "/v1/products/\(name)/stock", headers: key, body: #"{"quantity":1000000}"#)
                guard answer.status == 200 else { throw Failure("no stock: \(answer.text)") }
            }
        }
        try await eventually("orders knows the products", within: .seconds(30)) {
            try await shop.books.number(
                "SELECT count(*) FROM orders.product WHERE sku = 'none' OR sku LIKE 'thing-%' AND available > 0"
            )
                == Int64(names.count)
        }
    }
}
