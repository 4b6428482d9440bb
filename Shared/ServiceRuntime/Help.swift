extension Service {
    /// The settings, read and checked.
    func configuration(_ environment: [String: String]) throws(ConfigurationError) -> Configuration {
        let configuration = try Configuration(
            table, environment: environment, prefixes: prefixes + ["SHOP_"], service: name)
        _ = try configuration.kafkaSecurity()
        return configuration
    }

    /// All settings: the service's own first.
    var table: [ConfigurationEntry] { keys + CommonKeys.table(httpPort: httpPort) }

    /// What `--help` prints.
    var help: String {
        var lines = ["\(name): \(summary)", ""]
        let verbs =
            [("", "serve until SIGTERM or SIGINT")] + commands.map { ($0.name, $0.meaning) } + [
                ("--check", "print the settings, secrets hidden, and whether they are right"),
                ("--help", "print this"),
            ]
        for (index, (verb, meaning)) in verbs.enumerated() {
            let call = "\(name) \(verb)".padded(to: name.count + 12)
            lines.append((index == 0 ? "usage: " : "       ") + call + meaning)
        }
        lines += ["", "settings, from the environment:"]
        let nameWidth = (table.map(\.name.count).max() ?? 0) + 2
        for entry in table {
            let standard = entry.standard.map { $0.isEmpty ? "none" : $0 } ?? "must be set"
            let form = "\(entry.type); default: \(standard)"
            lines.append("  " + entry.name.padded(to: nameWidth) + entry.meaning)
            lines.append(
                "  " + "".padded(to: nameWidth) + "("
                    + (entry.isSecret ? form + "; a file in \(entry.name)_FILE" : form) + ")")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
