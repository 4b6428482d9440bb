import Contracts
import Kafka
import ShopHarness
import TestSupport

/// Nothing happens but orders: what all others are to be compared with.
let noFault = Experiment(name: "none", summary: "nothing is broken", faults: "runs") { trial in
    trial.report.fault()
    try await trial.underLoad()
    try await trial.settle()
}

let ordersKilled = Experiment(
    name: "orders-killed", summary: "kill -9 of orders 20 times, started again at once"
) { trial in
    try await trial.underLoad {
        for _ in 0..<trial.size(20, quick: 4) {
            try await trial.pause(0.2...1)
            try await trial.crash(.orders)
            try await trial.expectProgressOrNot("a kill of orders")
        }
    }
    try await trial.settle()
}

/// At random, right before a batch is committed, and right after: then Kafka has not heard how far the service is.
let inventoryKilled = Experiment(
    name: "inventory-killed", summary: "kill -9 of inventory 20 times: at random, before and after its commit"
) { trial in
    try await trial.underLoad {
        for round in 0..<trial.size(21, quick: 6) {
            try await trial.pause(0.1...0.5)
            switch round % 3 {
            case 0: try await trial.crash(.inventory)
            case 1:
                try await trial.crash(.inventory, at: "consumer.committing")
            default:
                try await trial.crash(.inventory, at: "consumer.committed")
                let behind = try await trial.kafkaIsBehind(.inventory)
                trial.report.tally.count("restarts that found Kafka's offsets behind", behind ? 1 : 0)
            }
            try await trial.expectProgressOrNot("a kill of inventory")
        }
    }
    trial.report.expect(
        trial.report.tally["restarts that found Kafka's offsets behind"] > 0,
        "Kafka's offsets were never behind Postgres's")
    try await trial.settle()
}

let notificationsKilled = Experiment(
    name: "notifications-killed", summary: "kill -9 of notifications 20 times"
) { trial in
    try await trial.underLoad { try await trial.crashes(of: .notifications, at: ["consumer.committed"]) }
    try await trial.settle()
    let (orders, messages) = (
        try await trial.shop.books.number("SELECT count(*) FROM orders.orders"),
        try await trial.shop.books.number("SELECT count(*) FROM notifications.message")
    )
    trial.report.tally.count("messages", Int(messages))
    trial.report.expect(messages == 2 * orders, "\(messages) messages for \(orders) orders")
}

let salesKilled = Experiment(
    name: "sales-killed", summary: "kill -9 of sales 20 times"
) { trial in
    try await trial.underLoad {
        try await trial.crashes(of: .sales, at: ["consumer.committing", "consumer.committed"])
    }
    try await trial.settle()
    let (sold, counted) = (
        try await trial.shop.books.number("SELECT sum(sold)::bigint FROM inventory.product"),
        try await trial.shop.books.number("SELECT sum(units)::bigint FROM sales.sales_sum")
    )
    trial.report.tally.count("units", Int(counted))
    trial.report.expect(counted == sold, "\(counted) units counted, and \(sold) sold")
}

/// Between the gateway's answer and its commit, so that nobody but the gateway knows of the money.
let gatewayCrash = Experiment(
    name: "gateway-crash", summary: "kill -9 of payments 50 times between the gateway's answer and its commit"
) { trial in
    try await trial.underLoad {
        for round in 1...trial.size(50, quick: 5) {
            try await trial.pause(0...0.3)
            try await trial.crash(.payments, at: "payments.gateway.answered")
            if round.isMultiple(of: 5) { try await trial.expectCallsResolved(within: 10) }
        }
    }
    try await trial.settle()
}

extension Trial {
    /// Three times in four; the fourth time the next fault comes before the shop has recovered from this one.
    fileprivate func expectProgressOrNot(_ what: String) async throws {
        let since = WallTime.now
        if random(0..<4) > 0 { try await expectProgress(since: since, within: 5, after: what) }
    }

    /// Whether Kafka believes that a service is less far than it is.
    fileprivate func kafkaIsBehind(_ service: ServiceName) async throws -> Bool {
        let committed = try await shop.topics.committed(by: service.rawValue)
        let rows = try await shop.books.texts(
            "SELECT topic || ' ' || partition || ' ' || next FROM \(service).consumer_offset")
        return rows.contains { row in
            let words = row.split(separator: " ")
            guard words.count == 3, let partition = Int32(words[1]), let next = Int64(words[2]) else {
                return false
            }
            return committed[TopicPartition(topic: String(words[0]), partition: partition), default: 0] < next
        }
    }

    /// Waits for the answers to all calls to the gateway that are out now.
    fileprivate func expectCallsResolved(within limit: Double) async throws {
        let began = now()
        let calls = try await shop.books.texts("SELECT order_id || kind FROM payments.gateway_call")
        report.tally.count("calls without an answer after a crash", calls.count)
        let waiting = Set(calls)
        do {
            try await eventually("the calls are answered", within: .seconds(30)) {
                Set(try await shop.books.texts("SELECT order_id || kind FROM payments.gateway_call"))
                    .isDisjoint(with: waiting)
            }
        } catch is NotInTime {
            return report.fail("calls to the gateway were open 30 s after a crash")
        }
        let seconds = now() - began
        report.tally.most("ms until they were answered, at most", Int(seconds * 1000))
        report.expect(seconds <= granted(limit), "calls to the gateway were open for \(seconds) s")
    }
}

extension Trial {
    /// 20 of them, half at random and half when the service reaches the next of `places`.
    fileprivate func crashes(of service: ServiceName, at places: [String]) async throws {
        for round in 0..<size(20, quick: 4) {
            try await pause(0.2...1)
            if round % 2 == 0 {
                try await crash(service)
            } else {
                try await crash(service, at: places[round / 2 % places.count])
            }
        }
    }
}
