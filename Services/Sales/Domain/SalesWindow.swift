package import Kernel

/// A tumbling window of event time: a minute, by the times at which orders were confirmed and not at which that was heard.
///
/// So a sale belongs to the same window whenever it is heard, and a rewind makes the same numbers again.
package struct SalesWindow: Hashable, Sendable {
    package static let length = Duration.seconds(60)
    /// How long after its end a window is taken for complete.
    ///
    /// By the clock: a watermark made of what was heard would stand still on a quiet shop, and hold back its last
    /// sales. What comes later is counted all the same, and the window is told again.
    package static let grace = Duration.seconds(5)

    package let start: Timestamp

    package init(containing time: Timestamp) {
        let length = Self.length.components.seconds * 1_000_000
        let past = time.unixMicroseconds % length
        start = Timestamp(unixMicroseconds: time.unixMicroseconds - (past < 0 ? past + length : past))
    }

    private init(start: Timestamp) { self.start = start }

    /// The moment from which on the window is told.
    package var closing: Timestamp { start.advanced(by: Self.length + Self.grace) }

    /// The latest window that is closed at `time`.
    package static func lastClosed(at time: Timestamp) -> SalesWindow {
        let ended = time.advanced(by: .zero - Self.grace - Self.length)
        return SalesWindow(containing: ended)
    }

    /// The `count` windows up to the one that contains `time`, as the start of the first: a window that slides by a minute.
    package static func first(of count: Int, upTo time: Timestamp) -> SalesWindow {
        let latest = SalesWindow(containing: time)
        return SalesWindow(start: latest.start.advanced(by: Self.length * (1 - max(1, count))))
    }
}

/// What a batch adds to one product's count in one window.
package struct SalesChange: Hashable, Sendable {
    package let window: SalesWindow
    package let sku: String
    package var units: Int64
    package var orders: Int64

    /// The sum of `sold` for each window and product, in the order of these: whoever locks their rows takes them in
    /// the same order.
    ///
    /// An order counts once for a product, however many of its lines name it. Products are told apart by the bytes of
    /// their SKUs, as the rows are: by what Swift takes for equal, a sum would depend on what came in one batch.
    package static func sums(of sold: [SoldLines]) -> [SalesChange] {
        var changes: [Key: SalesChange] = [:]
        for order in sold {
            let window = SalesWindow(containing: order.time)
            for (index, line) in order.lines.enumerated() {
                let key = Key(start: window.start, sku: Array(line.sku.utf8))
                let isFirst = !order.lines[..<index].contains { $0.sku.utf8.elementsEqual(line.sku.utf8) }
                var change = changes[key] ?? SalesChange(window: window, sku: line.sku, units: 0, orders: 0)
                // What the contracts allow a batch is ten decimals away from an overflow.
                change.units &+= line.quantity
                change.orders &+= isFirst ? 1 : 0
                changes[key] = change
            }
        }
        return changes.sorted { $0.key < $1.key }.map(\.value)
    }

    private struct Key: Hashable, Comparable {
        let start: Timestamp
        let sku: [UInt8]

        static func < (left: Key, right: Key) -> Bool {
            left.start != right.start
                ? left.start < right.start : left.sku.lexicographicallyPrecedes(right.sku)
        }
    }
}
