/// How many there are of one SKU.
///
/// Each is at least 0, and their sum grows by restocking alone.
package struct StockLevel: Hashable, Sendable {
    package let available: Int64
    package let reserved: Int64
    package let sold: Int64

    package init(available: Int64, reserved: Int64 = 0, sold: Int64 = 0) {
        self.available = available
        self.reserved = reserved
        self.sold = sold
    }
}

/// What a batch adds to the levels of one SKU; the three sum to zero, since nothing comes or goes.
package struct StockChange: Hashable, Sendable {
    package let sku: String
    package let available: Int64
    package let reserved: Int64
    package let sold: Int64

    package init(sku: String, available: Int64, reserved: Int64, sold: Int64) {
        self.sku = sku
        self.available = available
        self.reserved = reserved
        self.sold = sold
    }
}

/// Stock that passes from one level to another.
package struct StockMove: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// available to reserved
        case hold
        /// reserved to available
        case giveBack
        /// reserved to sold
        case sell
    }

    package let kind: Kind
    package let lines: [StockLine]

    package init(_ kind: Kind, _ lines: [StockLine]) {
        self.kind = kind
        self.lines = lines
    }
}

/// The levels that a batch of decisions starts from and what the batch makes of them, in memory.
///
/// Many orders of a batch want the same SKUs. Each decision sees what the ones before it took, and the store
/// writes one change per SKU instead of one per line.
package struct StockBook: Sendable {
    private struct Entry {
        /// Nil if the level was not read; then no line of it can be held, but what is held can still be given
        /// back.
        var level: StockLevel?
        var available: Int64 = 0
        var reserved: Int64 = 0
        var sold: Int64 = 0

        mutating func apply(_ kind: StockMove.Kind, _ quantity: Int64) {
            switch kind {
            case .hold: (available, reserved) = (available - quantity, reserved + quantity)
            case .giveBack: (available, reserved) = (available + quantity, reserved - quantity)
            case .sell: (reserved, sold) = (reserved - quantity, sold + quantity)
            }
        }
    }

    private var entries: [String: Entry]

    /// - Parameter levels: by SKU, of all SKUs that the batch's new orders name, as locked in the transaction. A SKU that
    ///   is not among them does not exist.
    package init(_ levels: [String: StockLevel] = [:]) {
        entries = levels.mapValues { Entry(level: $0) }
    }

    /// How many can be held now, after all moves so far; nil for an unknown SKU.
    package func available(_ sku: String) -> Int64? {
        entries[sku].flatMap { entry in entry.level.map { $0.available + entry.available } }
    }

    package mutating func apply(_ move: StockMove) {
        for line in move.lines { entries[line.sku, default: Entry()].apply(move.kind, line.quantity) }
    }

    /// Applies the stock moves among the effects of a decision, and leaves out what is for others.
    package mutating func apply(_ effects: [ReservationEffect]) {
        for effect in effects {
            switch effect {
            case .stock(let move): apply(move)
            case .reserved, .rejected, .released: break
            }
        }
    }

    /// What the batch changes, one per SKU in ascending order, which is the order to lock rows in.
    ///
    /// A SKU whose moves cancel each other out is not among them.
    package var changes: [StockChange] {
        entries
            .filter { $0.value.available != 0 || $0.value.reserved != 0 || $0.value.sold != 0 }
            .map { sku, entry in
                StockChange(sku: sku, available: entry.available, reserved: entry.reserved, sold: entry.sold)
            }
            .sorted { $0.sku < $1.sku }
    }
}
