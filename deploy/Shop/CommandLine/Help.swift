/// The help pages, made from the same table that the parser reads.
struct Help: Sendable {
    let groups: [CommandGroup]

    init(_ groups: [CommandGroup]) { self.groups = groups }

    /// `shop --help`: every command in a line, and the settings.
    var overview: String {
        let commands = groups.flatMap { group in
            group.commands.map {
                (([group.name] + ($0.verb.map { [$0] } ?? [])).joined(separator: " "), $0.summary)
            }
        }
        let settings = Setting.allCases.map {
            ($0.rawValue, $0.preset.isEmpty ? $0.meaning : "\($0.meaning) [\($0.preset)]")
        }
        return """
            The operator's hand for the shop.

            Usage: shop COMMAND [OPTIONS]

            \(Help.lines(commands))

            `shop COMMAND --help` says more about one. Settings come from the environment; NAME_FILE names a file that
            holds NAME's value. In square brackets: the default. Beside a shop of `deploy/up` the addresses come from its
            `.local`.

            \(Help.lines(settings))

            Exit codes: 0 done, 1 not done or a check failed, 64 a command line that can't be understood.
            """
    }

    /// `shop GROUP --help`.
    func page(of group: CommandGroup) -> String {
        let commands = group.commands.map { ("\(group.name) \($0.verb ?? "")", $0.summary) }
        return """
            Usage: shop \(group.name) COMMAND [OPTIONS]

            \(Help.lines(commands))

            `shop \(group.name) COMMAND --help` says more about one.
            """
    }

    /// `shop COMMAND --help`.
    func page(of command: Command, in group: CommandGroup) -> String {
        let title = ([group.name] + (command.verb.map { [$0] } ?? [])).joined(separator: " ")
        let words =
            ["shop", title] + command.operands.map { $0.isRequired ? $0.name : "[\($0.name)]" }
            + command.options.map { option in
                let pattern = option.isRepeated ? "\(option.pattern) ..." : option.pattern
                return option.isRequired ? pattern : "[\(pattern)]"
            }
        var page = "shop \(title): \(command.summary)\n\nUsage: \(words.joined(separator: " "))"
        if !command.options.isEmpty {
            page += "\n\n" + Help.lines(command.options.map { ($0.pattern, $0.meaning) })
        }
        if !command.details.isEmpty { page += "\n\n" + command.details }
        return page
    }

    /// Two columns, the second starting at one place for all; a long name has a line of its own.
    static func lines(_ pairs: [(name: String, text: String)]) -> String {
        let width = min(30, pairs.map(\.name.count).max() ?? 0)
        return pairs.map { name, text in
            name.count > width
                ? "  \(name)\n  \(String(repeating: " ", count: width + 2))\(text)"
                : "  \(name.padded(to: width + 2))\(text)"
        }.joined(separator: "\n")
    }
}

extension String {
    /// Followed by as many spaces as it lacks of `width`.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
