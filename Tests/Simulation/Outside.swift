import InventoryDomain
import Kernel
import OrdersDomain
import PaymentsDomain

/// Clients, the clock, the gateway and the relays.
extension World {
    /// A client asks for an order, or asks again.
    mutating func place(key: Int, quantities: [Int64], approves: Bool, _ rules: Rules) {
        let known = rules.edgeHeedsKeys ? placed.firstIndex { $0.key == key } : nil
        let order = known ?? placed.count
        if known == nil {
            let lines = zip(Self.skus, quantities).filter { $0.1 > 0 }.map {
                StockLine(sku: $0, quantity: $1)
            }
            let amount = Money(amount: 100 + Int64(placed.count), currency: .eur)
            placed.append(
                Placed(
                    key: key, lines: lines, charge: Charge(amount: amount, token: "tok"), approves: approves))
            orders.append(.placed)
            reservations.append(.none)
            payments.append(.none)
            kept.append(0)
            told.append([])
            noticesWritten.append(0)
            gateway.append(GatewayRow())
            paths.append(OrderPath())
            emit(.orders, .created, order)
        }
        let before = acknowledged.updateValue(order, forKey: key)
        check(before == nil || before == order, "S1 key \(key) has two orders")
    }

    mutating func restock(_ sku: Int, _ quantity: Int64) {
        let old = stock[sku]
        stock[sku] = StockLevel(available: old.available + quantity, reserved: old.reserved, sold: old.sold)
        received[sku] += quantity
    }

    /// The gateway does what it is asked, once per order and kind, and this is its answer.
    mutating func gatewayAnswer(to call: GatewayCall, for order: Int, _ rules: Rules) -> PaymentMessage {
        switch call {
        case .capture:
            if !gateway[order].answered || !rules.gatewayHeedsKeys {
                gateway[order].answered = true
                if placed[order].approves { gateway[order].captures += 1 }
            }
            return placed[order].approves ? .gatewayCaptured : .gatewayDeclined(reason: "no")
        case .refund:
            if gateway[order].refunds == 0 || !rules.gatewayHeedsKeys { gateway[order].refunds += 1 }
            return .gatewayRefunded
        }
    }

    /// The relay hands the next rows to Kafka; where it stands is not stored yet.
    mutating func publish(_ service: Service, max: Int, _ rules: Rules) {
        let index = service.index
        let end = Swift.min(published[index] + max, outboxes[index].count)
        // A mutant: who stores first and is killed before Kafka has it loses the rest.
        if !rules.cursorWaitsForKafka { cursors[index] = Swift.min(end + 1, outboxes[index].count) }
        while published[index] < end {
            append(outboxes[index][published[index]])
            published[index] += 1
        }
    }

    mutating func storeCursor(_ service: Service) { cursors[service.index] = published[service.index] }

    /// `kill -9`: what is stored stays, what is in memory is gone.
    mutating func crash(_ service: Service) {
        published[service.index] = cursors[service.index]
        switch service {
        case .payments: replies = []
        case .orders, .inventory, .notifications: break
        }
    }

    /// A relay that was paused and deposed wakes up and sends what it still had queued: old rows, in their
    /// order.
    mutating func resend(_ service: Service, from start: Int, count: Int) {
        for record in outboxes[service.index].dropFirst(start).prefix(count) { append(record) }
    }

    mutating func rewind(_ service: Service, to position: Int) {
        cursors[service.index] = position
        published[service.index] = position
    }

    /// The next records of a partition, and the new offset, in one transaction.
    mutating func deliver(_ stream: Int, max: Int, _ rules: Rules) {
        let target = Stream.all[stream]
        let log = logs[target.log]
        let end = Swift.min(offsets[stream] + max, log.count)
        handle(log[offsets[stream]..<end], at: target.consumer, rules)
        offsets[stream] = end
    }

    /// Something that was handled before comes again, as after an operator's rewind of a consumer.
    mutating func redeliver(_ stream: Int, at position: Int, _ rules: Rules) {
        let target = Stream.all[stream]
        handle(logs[target.log][position...position], at: target.consumer, rules)
    }
}
