import Kernel

/// What was said on the command line, after the parser has checked it against the table.
struct Arguments: Sendable, Equatable {
    private(set) var operands: [String] = []
    private var options: [String: [String]] = [:]

    /// The operand at a position; nil where it may be left out and was.
    func operand(_ index: Int = 0) -> String? { index < operands.count ? operands[index] : nil }

    func has(_ name: String) -> Bool { options[name] != nil }

    /// The value of an option; the last one counts where it was said twice.
    func text(_ name: String) -> String? { options[name]?.last }

    func texts(_ name: String) -> [String] { options[name] ?? [] }

    /// The value of a number option, which the parser has seen to be one.
    func number(_ name: String) -> Int? { text(name).flatMap { Int($0) } }

    /// The value of an option that is a moment; nil where it was not said.
    func time(_ name: String) throws(UsageError) -> Timestamp? {
        guard let text = text(name) else { return nil }
        guard let time = Timestamp(text) else {
            throw UsageError(
                "`\(name)` is a time in UTC such as 2026-11-21T12:00:00Z, not `\(text.oneLine)`")
        }
        return time
    }

    /// The first operand, which is an order's id.
    func order() throws(UsageError) -> Identifier {
        let text = operand() ?? ""
        guard let order = Identifier(text) else {
            throw UsageError(
                "an order's id is a UUID such as `shop order list` shows, not `\(text.oneLine)`")
        }
        return order
    }
}

/// What a command line comes to.
enum Parsed: Sendable {
    case run(Command, Arguments)
    case help(String)
}

/// Reads a command line by the table of commands.
struct Parser: Sendable {
    let groups: [CommandGroup]

    /// Finds the command and checks what was said against it.
    ///
    /// - Parameter words: without the program's name.
    /// - Returns: what to run, or the help that was asked for.
    /// - Throws: `UsageError`, whose text says what to do.
    func parse(_ words: [String]) throws(UsageError) -> Parsed {
        guard let name = words.first else { return .help(Help(groups).overview) }
        if name == "--help" || name == "-h" || name == "help" {
            return .help(try help(for: Array(words.dropFirst())))
        }
        guard let group = groups.first(where: { $0.name == name }) else {
            throw UsageError("there is no command `\(name)`: see `shop --help`")
        }
        let (command, rest) = try command(of: group, words.dropFirst())
        guard let command else { return .help(Help(groups).page(of: group)) }
        if rest.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
            return .help(Help(groups).page(of: command, in: group))
        }
        return .run(command, try arguments(rest, of: command, named: title(command, group)))
    }

    private func help(for words: [String]) throws(UsageError) -> String {
        guard let name = words.first else { return Help(groups).overview }
        guard let group = groups.first(where: { $0.name == name }) else {
            throw UsageError("there is no command `\(name)`: see `shop --help`")
        }
        guard let verb = words.dropFirst().first else {
            let only = group.commands.first { $0.verb == nil }
            return only.map { Help(groups).page(of: $0, in: group) } ?? Help(groups).page(of: group)
        }
        guard let command = group.commands.first(where: { $0.verb == verb }) else {
            throw unknown(verb, of: group)
        }
        return Help(groups).page(of: command, in: group)
    }

    private func unknown(_ verb: String, of group: CommandGroup) -> UsageError {
        let verbs = group.commands.compactMap(\.verb)
        let remedy =
            verbs.isEmpty ? ": see `shop \(group.name) --help`" : ", but: \(verbs.joined(separator: ", "))"
        return UsageError("`shop \(group.name)` has no `\(verb)`\(remedy)")
    }

    /// The command of a group that the next word names; nil where help on all of them was asked for.
    private func command(
        of group: CommandGroup, _ words: ArraySlice<String>
    ) throws(UsageError) -> (Command?, ArraySlice<String>) {
        if let only = group.commands.first(where: { $0.verb == nil }) { return (only, words) }
        let verbs = group.commands.compactMap(\.verb).joined(separator: ", ")
        guard let verb = words.first else { throw UsageError("`shop \(group.name)` needs one of \(verbs)") }
        if verb == "--help" || verb == "-h" { return (nil, []) }
        guard let command = group.commands.first(where: { $0.verb == verb }) else {
            throw unknown(verb, of: group)
        }
        return (command, words.dropFirst())
    }

    private func arguments(
        _ words: ArraySlice<String>, of command: Command, named title: String
    ) throws(UsageError) -> Arguments {
        var arguments = Arguments()
        var rest = words
        while let word = rest.popFirst() {
            if word == "--" {
                for operand in rest { arguments.append(operand) }
                break
            }
            guard word.hasPrefix("-"), word != "-" else {
                arguments.append(word)
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            guard let option = command.options.first(where: { $0.name == name }) else {
                throw UsageError("`\(title)` has no option `\(name)`: see `\(title) --help`")
            }
            var value = parts.count == 2 ? String(parts[1]) : nil
            if case .flag = option.value {
                guard value == nil else { throw UsageError("`\(name)` takes no value") }
            } else if value == nil {
                value = rest.popFirst()
            }
            try arguments.add(option, value)
        }
        try arguments.check(against: command, named: title)
        return arguments
    }

    private func title(_ command: Command, _ group: CommandGroup) -> String {
        (["shop", group.name] + (command.verb.map { [$0] } ?? [])).joined(separator: " ")
    }
}

extension Arguments {
    fileprivate mutating func append(_ operand: String) { operands.append(operand) }

    fileprivate mutating func add(_ option: CommandOption, _ value: String?) throws(UsageError) {
        if case .flag = option.value {
            options[option.name] = []
            return
        }
        guard let value, !value.isEmpty else {
            throw UsageError("`\(option.name)` needs a value: \(option.pattern)")
        }
        switch option.value {
        case .flag, .text: break
        case .number(_, let range):
            guard let number = Int(value), range.contains(number) else {
                throw UsageError(
                    "`\(option.name)` takes a number from \(range.lowerBound) to \(range.upperBound), not `\(value)`"
                )
            }
        case .choice(let words):
            guard words.contains(value) else {
                throw UsageError(
                    "`\(option.name)` is one of \(words.joined(separator: ", ")), not `\(value)`")
            }
        }
        guard option.isRepeated || options[option.name] == nil else {
            throw UsageError("`\(option.name)` can be said only once")
        }
        options[option.name, default: []].append(value)
    }

    fileprivate func check(against command: Command, named title: String) throws(UsageError) {
        if let missing = command.options.first(where: { $0.isRequired && options[$0.name] == nil }) {
            throw UsageError("`\(title)` needs \(missing.pattern): see `\(title) --help`")
        }
        let required = command.operands.filter(\.isRequired)
        if operands.count < required.count {
            throw UsageError("`\(title)` needs \(required[operands.count].name): see `\(title) --help`")
        }
        if operands.count > command.operands.count {
            throw UsageError(
                "`\(title)` can't use `\(operands[command.operands.count])`: see `\(title) --help`")
        }
    }
}
