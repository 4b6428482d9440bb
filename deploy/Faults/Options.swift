/// What the command line asks for.
struct Options: Sendable {
    static let usage = """
        usage: faults [--orders N] [--only NAME]... [--rate N] [--seed S] [--quick] [--hold] [--list]
        """

    var orders = 2000
    var only: [String] = []
    /// Orders per second; 0 for as many as the clients get through.
    var rate = 0.0
    var seed = UInt64.random(in: 0..<1_000_000)
    var isQuick = false
    /// Whether the shop of an experiment that failed is left to be looked at.
    var holds = false
    var listsOnly = false

    /// Nil where the words make no sense.
    init?(_ words: [String]) {
        var orders: Int?
        var rest = words[...]
        while let word = rest.popFirst() {
            switch word {
            case "--quick": isQuick = true
            case "--hold": holds = true
            case "--list": listsOnly = true
            case "--orders":
                guard let count = rest.popFirst().flatMap({ Int($0) }), count > 0 else { return nil }
                orders = count
            case "--only":
                guard let name = rest.popFirst() else { return nil }
                only.append(name)
            case "--rate":
                guard let rate = rest.popFirst().flatMap({ Double($0) }), rate >= 0 else { return nil }
                self.rate = rate
            case "--seed":
                guard let seed = rest.popFirst().flatMap({ UInt64($0) }) else { return nil }
                self.seed = seed
            default: return nil
            }
        }
        self.orders = orders ?? (isQuick ? 200 : 2000)
    }
}
