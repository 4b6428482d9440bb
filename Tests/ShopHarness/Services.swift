import Foundation

package enum ServiceName: String, CaseIterable, Sendable {
    case orders, inventory, payments, notifications, sales
}

/// One of the processes of a service; the first of each always runs, further ones where somebody starts them.
package struct Instance: Hashable, Sendable, CustomStringConvertible {
    /// As many of a service have a port of their own.
    package static let most = 3

    package let service: ServiceName
    package let number: Int

    package init(_ service: ServiceName, _ number: Int = 1) {
        self.service = service
        self.number = number
    }

    package static let all = ServiceName.allCases.flatMap { service in
        (1...most).map { Instance(service, $0) }
    }

    package var description: String { number == 1 ? service.rawValue : "\(service)-\(number)" }
}

/// A word nobody has used before.
package func freshWord() -> String { String(UInt64.random(in: 0...UInt64.max), radix: 36) }

/// A port that nobody has, below those that the system gives to outgoing connections.
func freePort(besides taken: Set<Int>) throws -> Int {
    for _ in 0..<1000 {
        let port = Int.random(in: 15_000..<30_000)
        guard !taken.contains(port) else { continue }
        // Nobody listens there: then it is ours.
        if (try? RawSocket(port: port)) == nil { return port }
    }
    throw NoAnswer(reason: "no free port")
}
