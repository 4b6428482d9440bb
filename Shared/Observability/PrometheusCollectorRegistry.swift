import Synchronization

/// The metrics of a process, and their text as Prometheus reads it, with the names of swift-prometheus.
///
/// Shared code takes a registry, as it takes a logger. Labels come from closed sets: topics, partitions, routes as
/// patterns, methods, status codes; never an id, since each combination is kept for ever.
package final class PrometheusCollectorRegistry: Sendable {
    package typealias Labels = [(name: String, value: String)]
    /// Values by their labels, found when Prometheus asks; must not block.
    package typealias Read = @Sendable () -> [(labels: Labels, value: Double)]

    private enum Kind: String { case counter, gauge, histogram }

    private enum Member: Sendable {
        case counter(Counter)
        case histogram(Histogram)
        case computed(Read)
    }

    private struct Family: Sendable {
        let kind: Kind
        let help: String
        /// By their labels, as they are written.
        var members: [String: Member] = [:]
    }

    private let families = Mutex<[String: Family]>([:])

    package init() {}

    /// The counter of this name, which ends in `_total`, and these labels: made, or the one that there is.
    package func makeCounter(name: String, labels: Labels = [], help: String) -> Counter {
        let member = member(name, .counter, labels, help) { .counter(Counter()) }
        guard case .counter(let counter) = member else { preconditionFailure("\(name) is computed") }
        return counter
    }

    /// A counter that is kept elsewhere.
    package func makeCounter(name: String, help: String, read: @escaping @Sendable () -> Double) {
        _ = member(name, .counter, [], help) { .computed { [([], read())] } }
    }

    /// The histogram of this name and these labels: made, or the one that there is.
    ///
    /// - Parameter bounds: the largest value that each bucket holds, rising; one without a bound is added.
    package func makeHistogram(
        name: String, labels: Labels = [], help: String, bounds: [Double]
    ) -> Histogram {
        let member = member(name, .histogram, labels, help) { .histogram(Histogram(bounds: bounds)) }
        guard case .histogram(let histogram) = member else { preconditionFailure("\(name) is computed") }
        return histogram
    }

    /// A gauge: what is true now is found when Prometheus asks.
    ///
    /// Of two that are computed under one name the first one counts.
    package func makeGauge(name: String, help: String, read: @escaping @Sendable () -> Double) {
        makeGauges(name: name, help: help) { [([], read())] }
    }

    /// Gauges of one name whose labels change with the time, such as the partitions that a member has.
    package func makeGauges(name: String, help: String, read: @escaping Read) {
        _ = member(name, .gauge, [], help) { .computed(read) }
    }

    private func member(
        _ name: String, _ kind: Kind, _ labels: Labels, _ help: String, make: () -> Member
    ) -> Member {
        let key = labels.text
        return families.withLock { families in
            var family = families[name] ?? Family(kind: kind, help: help)
            precondition(family.kind == kind, "\(name) is a \(family.kind) and can't be a \(kind)")
            if let member = family.members[key] { return member }
            let member = make()
            family.members[key] = member
            families[name] = family
            return member
        }
    }
}

/// The text exposition format, version 0.0.4.
extension PrometheusCollectorRegistry {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Appends all metrics, in the order of their names and labels.
    package func emit(into buffer: inout [UInt8]) {
        // What is computed may take locks of its own: none is held meanwhile.
        let families = families.withLock { $0 }
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            buffer.append(contentsOf: "# HELP \(name) \(family.help.escaped(quote: false))\n".utf8)
            buffer.append(contentsOf: "# TYPE \(name) \(family.kind.rawValue)\n".utf8)
            for (labels, member) in family.members.sorted(by: { $0.key < $1.key }) {
                switch member {
                case .counter(let counter):
                    buffer.append(name, labels, Double(counter.value))
                case .histogram(let histogram):
                    buffer.append(name, labels, histogram)
                case .computed(let read):
                    let samples = read().map { (labels: $0.labels.text, value: $0.value) }
                    for sample in samples.sorted(by: { $0.labels < $1.labels }) {
                        buffer.append(name, sample.labels, sample.value)
                    }
                }
            }
        }
    }
}

extension [UInt8] {
    /// - Parameter labels: as they are written, without the braces.
    fileprivate mutating func append(_ name: String, _ labels: String, _ value: Double) {
        append(contentsOf: name.utf8)
        if !labels.isEmpty { append(contentsOf: "{\(labels)}".utf8) }
        append(contentsOf: " \(value.text)\n".utf8)
    }

    fileprivate mutating func append(_ name: String, _ labels: String, _ histogram: Histogram) {
        let snapshot = histogram.snapshot
        let separator = labels.isEmpty ? "" : ","
        var count = 0
        for (bound, more) in zip(histogram.bounds + [.infinity], snapshot.counts) {
            count += more
            append("\(name)_bucket", "\(labels)\(separator)le=\"\(bound.text)\"", Double(count))
        }
        append("\(name)_sum", labels, snapshot.sum)
        append("\(name)_count", labels, Double(count))
    }
}

extension PrometheusCollectorRegistry.Labels {
    fileprivate var text: String {
        map { "\($0.name)=\"\($0.value.escaped(quote: true))\"" }.joined(separator: ",")
    }
}

extension String {
    /// Byte by byte: a line end of Windows is one character, in which nobody would find the `\n`.
    fileprivate func escaped(quote: Bool) -> String {
        guard utf8.contains(where: { $0 == 0x5C || $0 == 0x0A || $0 == 0x22 }) else { return self }
        var bytes: [UInt8] = []
        for byte in utf8 {
            switch byte {
            case 0x5C: bytes += "\\\\".utf8
            case 0x0A: bytes += "\\n".utf8
            case 0x22 where quote: bytes += "\\\"".utf8
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Double {
    /// A whole number without a point; infinity as Go writes it.
    fileprivate var text: String {
        if let whole = Int(exactly: self) { return String(whole) }
        return isInfinite ? (self > 0 ? "+Inf" : "-Inf") : isNaN ? "NaN" : "\(self)"
    }
}
