import FoundationEssentials

/// The settings of a service, complete and checked; reading one can't fail.
package struct Configuration: Sendable {
    private let values: [String: any Sendable]
    private let rows: [Row]

    private struct Row {
        let entry: ConfigurationEntry
        let text: String
    }

    /// The value of a key of the service's table; asking for another is a bug of the caller's.
    package subscript<Value>(key: ConfigurationKey<Value>) -> Value {
        guard let value = values[key.name] as? Value else {
            preconditionFailure("\(key.name) is not in the table of settings")
        }
        return value
    }

    /// Reads all settings, and refuses what it doesn't know.
    ///
    /// - Parameters:
    ///   - entries: the table; of two rows with one name the last counts.
    ///   - environment: where the settings stand. An empty value counts as not set, as Compose files write
    ///     them.
    ///   - prefixes: names that begin with one of these and are in no row are refused, as they are misspelt.
    ///   - service: for the texts.
    ///   - readFile: for secrets that come as `NAME_FILE`.
    /// - Throws: `ConfigurationError` with all that is wrong.
    package init(
        _ entries: [ConfigurationEntry], environment: [String: String], prefixes: [String], service: String,
        readFile: (String) throws -> String = { try String(contentsOfFile: $0, encoding: .utf8) }
    ) throws(ConfigurationError) {
        var values: [String: any Sendable] = [:]
        var rows: [Row] = []
        var faults: [String] = []
        for entry in Configuration.unique(entries) {
            do throws(ConfigurationError) {
                let text = try Configuration.text(of: entry, environment, readFile)
                guard let value = entry.standard == text ? entry.parseStandard() : entry.parse(text) else {
                    throw ConfigurationError(entry.complaint(about: text))
                }
                values[entry.name] = value
                rows.append(Row(entry: entry, text: text))
            } catch {
                faults += error.faults
            }
        }
        let known = Set(entries.flatMap { $0.isSecret ? [$0.name, $0.name + "_FILE"] : [$0.name] })
        for name in environment.keys.sorted() where prefixes.contains(where: name.hasPrefix) {
            guard !known.contains(name) else { continue }
            faults.append("\(name) is not a setting of \(service); `\(service) --help` lists those it has")
        }
        guard faults.isEmpty else { throw ConfigurationError(faults) }
        self.values = values
        self.rows = rows
    }

    /// One line for each setting, `NAME=value`, in the table's order; of secrets only whether there is one.
    package var summary: String {
        rows.map { row in
            let text = row.entry.isSecret && !row.text.isEmpty ? "(hidden)" : row.text
            return "\(row.entry.name)=\(text)\n"
        }.joined()
    }

    private static func unique(_ entries: [ConfigurationEntry]) -> [ConfigurationEntry] {
        let last = Dictionary(entries.enumerated().map { ($1.name, $0) }) { _, new in new }
        return entries.enumerated().filter { last[$1.name] == $0 }.map(\.element)
    }

    private static func text(
        of entry: ConfigurationEntry, _ environment: [String: String], _ readFile: (String) throws -> String
    ) throws(ConfigurationError) -> String {
        let name = entry.name
        let direct = environment[name, default: ""]
        let path = entry.isSecret ? environment[name + "_FILE", default: ""] : ""
        guard direct.isEmpty || path.isEmpty else {
            throw ConfigurationError("\(name) and \(name)_FILE are both set; keep one of them")
        }
        if !path.isEmpty {
            // Editors and `echo` end a file with a line end; no secret does.
            guard let text = try? readFile(path) else {
                throw ConfigurationError("\(name)_FILE names a file that can't be read: \(path)")
            }
            let secret = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
            guard !secret.isEmpty else {
                throw ConfigurationError("\(name)_FILE names an empty file: \(path)")
            }
            return secret
        }
        if !direct.isEmpty { return direct }
        guard let standard = entry.standard else {
            let ways = entry.isSecret ? "\(name) or \(name)_FILE" : name
            throw ConfigurationError("\(name) is not set; set \(ways): \(entry.meaning)")
        }
        return standard
    }
}

/// What is wrong with the settings, one line for each fault; it never has a secret's text.
package struct ConfigurationError: Error, Hashable {
    package let faults: [String]

    package init(_ faults: [String]) { self.faults = faults }

    package init(_ fault: String) { self.faults = [fault] }
}

extension ConfigurationEntry {
    /// The default's value; an empty default is the empty text where the type has no other value for it.
    fileprivate func parseStandard() -> (any Sendable)? {
        standard.flatMap { parse($0) ?? ($0.isEmpty ? $0 : nil) }
    }

    fileprivate func complaint(about text: String) -> String {
        "\(name) must be \(type)" + (isSecret ? "" : ", not `\(text)`")
    }
}
