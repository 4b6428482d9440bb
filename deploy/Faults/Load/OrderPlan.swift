import TestSupport

/// What customers do in an experiment.
struct LoadSettings: Sendable {
    /// At least this many orders; more while the faults take longer.
    var orders: Int
    /// Orders under way at a time, at most.
    var clients: Int
    /// Orders per second; 0 for as many as the clients get through.
    var rate: Double
    /// Whether a client waits for the end of its order before it places the next.
    var awaitsEnd = true
    /// When a customer who changes his mind does so, in seconds after the order was taken.
    var cancelDelay = 0.0...0.3
    var tokens: [(share: Double, token: String)] = [(0.10, "tok_declined")]
    /// Products in place of the usual three.
    var onlyProduct: String?
    /// Whether the usual shares of orders are cancelled, repeated, and for something sold out.
    var isMixed = true
}

/// One order, as the seed has it.
struct OrderPlan: Sendable {
    let key: String
    let body: String
    /// Nil for a customer who wants the goods.
    let cancelsAfter: Double?
    /// Whether the request is sent twice, as by a client that did not trust the first answer.
    let isRepeated: Bool

    static let products = 200
    static let soldOut = "none"

    static func product(_ number: Int) -> String { "thing-\(number)" }

    init(_ index: Int, seed: UInt64, _ settings: LoadSettings) {
        var random = SeededGenerator(seed: seed &* 1_000_003 &+ UInt64(index))
        var products: [String] = []
        while products.count < 3 {
            let product = Self.product(Int.random(in: 0..<Self.products, using: &random))
            if !products.contains(product) { products.append(product) }
        }
        var quantities = (0..<3).map { _ in Int.random(in: 1...3, using: &random) }
        if settings.isMixed, Double.random(in: 0..<1, using: &random) < 0.05 { products[1] = Self.soldOut }
        if let only = settings.onlyProduct { (products, quantities) = ([only], [1]) }
        var token = "tok_ok"
        var draw = Double.random(in: 0..<1, using: &random)
        for (share, name) in settings.tokens {
            if draw < share {
                token = name
                break
            }
            draw -= share
        }
        let cancels = settings.isMixed && Double.random(in: 0..<1, using: &random) < 0.20
        let delay = Double.random(in: settings.cancelDelay, using: &random)
        cancelsAfter = cancels ? delay : nil
        isRepeated = settings.isMixed && Double.random(in: 0..<1, using: &random) < 0.10
        key = "fault-\(seed)-\(index)"
        let lines = zip(products, quantities).map { #"{"sku":"\#($0)","quantity":\#($1)}"# }
        body =
            #"{"customerId":"customer-\#(index)","lines":[\#(lines.joined(separator: ","))],"#
            + #""paymentToken":"\#(token)"}"#
    }
}
