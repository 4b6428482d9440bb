import OrdersDomain
import PaymentsDomain

/// One thing that happens, as a number: the same number does the same to the same world, and does something
/// in any.
///
/// That makes a run a list of numbers, of which any part is a run too, so that a failure can be shrunk.
package struct Step: Hashable, Sendable {
    package let word: UInt64

    package init(word: UInt64) { self.word = word }

    private var kind: UInt64 { word & 0xFF }
    private var first: Int { Int(word >> 8 & 0xFFFF) }
    private var second: Int { Int(word >> 24 & 0xFFFF) }
    private var third: Int { Int(word >> 40 & 0xFFFF) }

    private static let ordersMax = 6

    private var service: Service { Service.allCases[first % 4] }

    /// What it did, in words; nil if there was nothing to do.
    func take(in world: inout World, _ rules: Rules) -> String? {
        switch kind {
        case 0..<18: place(in: &world, rules)
        case 18..<22: cancel(in: &world, rules)
        case 22..<58: publish(in: &world, rules)
        case 58..<70: storeCursor(in: &world)
        case 70..<76: crash(in: &world)
        case 76..<164: deliver(in: &world, rules)
        case 164..<174: redeliver(in: &world, rules)
        case 174..<182: resend(in: &world)
        case 182..<185: rewind(in: &world)
        case 185..<222: callGateway(in: &world, rules)
        case 222..<238: hearReply(in: &world, rules)
        case 238..<250: pause(in: &world)
        default: restock(in: &world)
        }
    }

    private func place(in world: inout World, _ rules: Rules) -> String? {
        let key = first % Self.ordersMax
        guard world.placed.count < 2 * Self.ordersMax else { return nil }
        let mugs = Int64(second % 3)
        let quantities = [mugs, mugs == 0 ? 1 : Int64(second / 3 % 3)]
        world.place(key: key, quantities: quantities, approves: third % 4 != 0, rules)
        return "a client posts with key \(key)"
    }

    private func cancel(in world: inout World, _ rules: Rules) -> String? {
        guard !world.orders.isEmpty else { return nil }
        let order = first % world.orders.count
        let isCustomer = second % 2 == 0
        world.decideOrder(order, .cancel(by: isCustomer ? .customer : .deadline), rules)
        return isCustomer ? "the customer cancels order \(order)" : "order \(order) runs into its deadline"
    }

    private func publish(in world: inout World, _ rules: Rules) -> String? {
        let index = service.index
        guard !world.paused.contains(service), world.published[index] < world.outboxes[index].count
        else { return nil }
        world.publish(service, max: 1 + second % 4, rules)
        return "\(service) publishes up to row \(world.published[index])"
    }

    private func storeCursor(in world: inout World) -> String? {
        guard !world.paused.contains(service) else { return nil }
        world.storeCursor(service)
        return "\(service) stores its relay's cursor"
    }

    private func crash(in world: inout World) -> String? {
        world.crash(service)
        return "\(service) crashes"
    }

    private func deliver(in world: inout World, _ rules: Rules) -> String? {
        let ready = Stream.all.indices.filter {
            world.lag($0) > 0 && !world.paused.contains(Stream.all[$0].consumer)
        }
        guard !ready.isEmpty else { return nil }
        let stream = ready[first % ready.count]
        let from = world.offsets[stream]
        world.deliver(stream, max: 1 + second % 4, rules)
        let target = Stream.all[stream]
        let orders = world.logs[target.log][from..<world.offsets[stream]].map(\.order)
        return "\(target.consumer) hears \(target.channel.rawValue) of \(orders)"
    }

    private func redeliver(in world: inout World, _ rules: Rules) -> String? {
        let stream = first % Stream.all.count
        guard world.offsets[stream] > 0 else { return nil }
        let position = second % world.offsets[stream]
        world.redeliver(stream, at: position, rules)
        let target = Stream.all[stream]
        let order = world.logs[target.log][position].order
        return "\(target.consumer) hears \(target.channel.rawValue) of [\(order)] again"
    }

    private func resend(in world: inout World) -> String? {
        let cursor = world.cursors[service.index]
        guard cursor > 0 else { return nil }
        world.resend(service, from: second % cursor, count: 1 + third % 3)
        return "a deposed relay of \(service) sends rows from \(second % cursor)"
    }

    private func rewind(in world: inout World) -> String? {
        let cursor = world.cursors[service.index]
        guard cursor > 0 else { return nil }
        world.rewind(service, to: second % cursor)
        return "\(service) rewinds its relay to \(second % cursor)"
    }

    private func callGateway(in world: inout World, _ rules: Rules) -> String? {
        let waiting = world.payments.indices.filter { world.payments[$0].pendingCall != nil }
        guard !waiting.isEmpty, !world.paused.contains(.payments) else { return nil }
        let order = waiting[first % waiting.count]
        guard let call = world.payments[order].pendingCall else { return nil }
        switch second % 6 {
        case 0: return "the call for order \(order) is lost on the way"
        case 1:
            _ = world.gatewayAnswer(to: call, for: order, rules)
            return "the gateway's answer for order \(order) is lost"
        case 2:
            let message = world.gatewayAnswer(to: call, for: order, rules)
            world.replies.append(World.Reply(order: order, message: message))
            return "the gateway's answer for order \(order) is late"
        default:
            let message = world.gatewayAnswer(to: call, for: order, rules)
            world.decidePayment(order, message, rules)
            return "the gateway answers for order \(order): \(message)"
        }
    }

    private func hearReply(in world: inout World, _ rules: Rules) -> String? {
        guard !world.replies.isEmpty, !world.paused.contains(.payments) else { return nil }
        let reply = world.replies.remove(at: first % world.replies.count)
        world.decidePayment(reply.order, reply.message, rules)
        return "the gateway's late answer for order \(reply.order) arrives: \(reply.message)"
    }

    private func pause(in world: inout World) -> String? {
        if world.paused.remove(service) != nil { return "\(service) goes on" }
        // Otherwise most of the shop would stand still most of the time.
        guard world.paused.isEmpty else { return nil }
        world.paused.insert(service)
        return "\(service) is paused"
    }

    private func restock(in world: inout World) -> String? {
        let sku = first % World.skus.count
        world.restock(sku, Int64(1 + second % 2))
        return "\(World.skus[sku]) is restocked"
    }
}
