package import Observability

/// Metrics as Prometheus reads them, for a test to look into.
package struct MetricsText: Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package init(_ registry: PrometheusCollectorRegistry) {
        var buffer: [UInt8] = []
        registry.emit(into: &buffer)
        text = String(decoding: buffer, as: UTF8.self)
    }

    package var lines: [Substring] { text.split(separator: "\n") }

    /// The values of a family's series, by their labels as they stand there, without the braces.
    package func values(of name: String) -> [String: Double] {
        var values: [String: Double] = [:]
        for line in lines where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            let parts = words[0].split(separator: "{", maxSplits: 1)
            guard words.count == 2, parts[0] == name else { continue }
            values[parts.count > 1 ? String(parts[1].dropLast()) : ""] = Double(words[1])
        }
        return values
    }

    /// The sum of a family's series with this text in their labels.
    package func sum(_ name: String, _ label: String = "") -> Double {
        values(of: name).reduce(0) { $0 + (label.isEmpty || $1.key.contains(label) ? $1.value : 0) }
    }
}
