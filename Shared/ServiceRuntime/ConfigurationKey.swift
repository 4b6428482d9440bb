/// A setting: its name in the environment, what it may be, what it is when nobody sets it, and what it means.
///
/// The keys of a service are one table; the same table checks the environment at the start and prints
/// `--help`.
package struct ConfigurationKey<Value: Sendable>: Sendable {
    package let name: String
    let type: String
    /// As it would stand in the environment; nil where the operator has to say it.
    let standard: String?
    let meaning: String
    let isSecret: Bool
    /// The value, or nil for text of another form; `type` says which form it should have.
    let parse: @Sendable (String) -> Value?

    /// The key for a table of keys of any type.
    package var entry: ConfigurationEntry {
        ConfigurationEntry(
            name: name, type: type, standard: standard, meaning: meaning, isSecret: isSecret, parse: parse)
    }
}

/// A row of a service's table of settings.
package struct ConfigurationEntry: Sendable {
    package let name: String
    package let type: String
    package let standard: String?
    package let meaning: String
    package let isSecret: Bool
    let parse: @Sendable (String) -> (any Sendable)?
}

extension ConfigurationKey<String> {
    /// Any text but the empty one; an empty `default` stands for "not set".
    package static func text(
        _ name: String, default standard: String?, isSecret: Bool = false, _ meaning: String
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, type: "text", standard: standard, meaning: meaning, isSecret: isSecret) {
            $0
        }
    }

    /// A URL of one of these schemes; neither reachability nor the rest of its form is checked.
    package static func url(
        _ name: String, schemes: [String], default standard: String?, isSecret: Bool = false,
        _ meaning: String
    ) -> ConfigurationKey {
        let type = "a url " + schemes.map { "\($0)://" }.joined(separator: " or ")
        return ConfigurationKey(
            name: name, type: type, standard: standard, meaning: meaning, isSecret: isSecret
        ) { text in
            let rest = schemes.compactMap { text.hasPrefix("\($0)://") ? text.dropFirst($0.count + 3) : nil }
                .first
            guard let rest, !rest.isEmpty, !text.contains(where: \.isWhitespace) else { return nil }
            return text
        }
    }
}

extension ConfigurationKey<Int> {
    package static func integer(
        _ name: String, default standard: Int?, in range: ClosedRange<Int>, _ meaning: String
    ) -> ConfigurationKey {
        let type = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        return ConfigurationKey(
            name: name, type: type, standard: standard.map(String.init), meaning: meaning, isSecret: false
        ) { text in Int(text).flatMap { range.contains($0) ? $0 : nil } }
    }
}

extension ConfigurationKey<Int?> {
    /// A number that nobody needs to set: nil then.
    package static func integer(
        _ name: String, in range: ClosedRange<Int>, _ meaning: String
    ) -> ConfigurationKey {
        let key = ConfigurationKey<Int>.integer(name, default: nil, in: range, meaning)
        return ConfigurationKey(
            name: name, type: key.type, standard: "", meaning: meaning, isSecret: false
        ) { text in text.isEmpty ? .some(nil) : key.parse(text).map(Optional.some) }
    }
}

extension ConfigurationKey<Duration> {
    /// Seconds as a decimal, `0.25`; `default` and `range` are in seconds too.
    package static func seconds(
        _ name: String, default standard: Double, in range: ClosedRange<Double>, _ meaning: String
    ) -> ConfigurationKey {
        let type = "seconds from \(trimmed(range.lowerBound)) to \(trimmed(range.upperBound))"
        return ConfigurationKey(
            name: name, type: type, standard: trimmed(standard), meaning: meaning, isSecret: false
        ) { text in
            guard let seconds = Double(text), range.contains(seconds) else { return nil }
            return .seconds(seconds)
        }
    }

    private static func trimmed(_ number: Double) -> String {
        Int(exactly: number).map(String.init) ?? String(number)
    }
}

extension ConfigurationKey where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of an enumeration's names.
    package static func choice(_ name: String, default standard: Value, _ meaning: String) -> ConfigurationKey
    {
        ConfigurationKey(
            name: name, type: "one of " + Value.allCases.map(\.rawValue).joined(separator: ", "),
            standard: standard.rawValue,
            meaning: meaning, isSecret: false
        ) { Value(rawValue: $0) }
    }
}
