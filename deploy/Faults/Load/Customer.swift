import FoundationEssentials
import Glibc
import ShopHarness

/// What the shop has told a customer of an order, which has to be true for ever.
struct Promise: Sendable {
    let key: String
    let order: String
    /// The end the customer was told of, if any.
    var end: String?
}

/// One client after another order, on a thread of its own.
struct Customer {
    let load: Load
    let settings: LoadSettings
    let seed: UInt64
    private var connection: WebConnection?
    private var turn: Int

    private struct OrderAnswer: Decodable {
        let id: String
        let status: String
        var hasEnded: Bool { status == "confirmed" || status == "cancelled" }
    }

    /// How long a client tries before it gives up an order that nobody takes.
    private static let patience = 90.0

    init(_ number: Int, of load: Load, _ settings: LoadSettings, seed: UInt64) {
        self.load = load
        self.settings = settings
        self.seed = seed
        turn = number
    }

    mutating func run() {
        while let index = load.next() {
            order(OrderPlan(index, seed: seed, settings))
        }
    }

    private mutating func order(_ plan: OrderPlan) {
        let began = now()
        guard let taken = place(plan) else { return }
        load.took(now() - began)
        var promise = Promise(key: plan.key, order: taken.id, end: taken.hasEnded ? taken.status : nil)
        if plan.isRepeated, let again = place(plan) {
            load.tally.count("repeated requests")
            if again.id != taken.id {
                load.violate("\(plan.key) became the orders \(taken.id) and \(again.id)")
            }
        }
        if let delay = plan.cancelsAfter {
            usleep(UInt32(delay * 1_000_000))
            cancel(taken.id)
        }
        if settings.awaitsEnd, promise.end == nil { promise.end = end(of: taken.id) }
        load.keep(promise)
    }

    /// Sends the request until it is answered, always with the same key.
    private mutating func place(_ plan: OrderPlan) -> OrderAnswer? {
        let headers = ["Content-Type": "application/json", "Idempotency-Key": plan.key]
        let deadline = now() + Self.patience
        while now() < deadline {
            let sent = now()
            guard let answer = ask("POST", "/v1/orders", headers, plan.body) else { continue }
            switch answer.status {
            case 200, 202:
                if let order = try? answer.json(OrderAnswer.self) { return order }
                load.violate("an answer that is no order: \(answer.text.prefix(200))")
                return nil
            case 503:
                load.refused(after: now() - sent, saysWhen: answer.header("Retry-After") != nil)
                if load.givesUpAtRefusal { return nil }
                usleep(100_000)
            default:
                load.violate("\(answer.status) for a good order: \(answer.text.prefix(200))")
                return nil
            }
        }
        load.tally.count("orders given up")
        return nil
    }

    private mutating func cancel(_ order: String) {
        let deadline = now() + Self.patience
        while now() < deadline {
            guard let answer = ask("POST", "/v1/orders/\(order)/cancellation", [:], "") else { continue }
            switch answer.status {
            case 200, 202: return load.tally.count("cancellations")
            case 409: return load.tally.count("cancellations too late")
            case 503: usleep(100_000)
            default: return load.violate("\(answer.status) for a cancellation: \(answer.text.prefix(200))")
            }
        }
    }

    /// The end of an order; nil where the load ends first.
    private mutating func end(of order: String) -> String? {
        let deadline = now() + Self.patience
        while now() < deadline, !load.isOver {
            guard let answer = ask("GET", "/v1/orders/\(order)", ["Prefer": "wait=3"], "") else { continue }
            if answer.status == 503 {
                usleep(100_000)
            } else if answer.status != 200 {
                load.violate("\(answer.status) for the order \(order), which was taken")
                return nil
            } else if let answer = try? answer.json(OrderAnswer.self), answer.hasEnded {
                return answer.status
            }
        }
        return nil
    }

    /// Nil where the connection was cut or nothing came; then the next instance is asked, in a moment.
    private mutating func ask(
        _ method: String, _ path: String, _ headers: [String: String], _ body: String
    ) -> WebAnswer? {
        let port = load.ports[turn % load.ports.count]
        do {
            let connection =
                try self.connection.flatMap { $0.port == port ? $0 : nil }
                ?? WebConnection(port: port, seconds: 6)
            self.connection = connection
            return try connection.call(method, path, headers: headers, body: body)
        } catch {
            connection = nil
            turn += 1
            load.tally.count("connections cut")
            usleep(20_000)
            return nil
        }
    }
}

/// Seconds by the clock that never goes back.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
