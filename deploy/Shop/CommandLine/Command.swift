import BlockingIO

/// One thing to ask of this tool: a row of the table that the parser and the help both read.
struct Command: Sendable {
    /// The second word, such as `place` in `shop order place`; nil where the group's name says it all.
    let verb: String?
    let summary: String
    var operands: [Operand] = []
    var options: [CommandOption] = []
    /// What a person should know beyond the summary: whole lines, shown below the options.
    var details = ""
    let run: @Sendable (Arguments, Shop) async throws -> ExitCode
}

/// Commands about the same thing, under its name.
struct CommandGroup: Sendable {
    let name: String
    let commands: [Command]
}

/// A word that stands for itself, such as an order's id.
struct Operand: Sendable {
    let name: String
    var isRequired = true
}

/// Something that is said by name, such as `--limit 20`.
struct CommandOption: Sendable {
    enum Value: Sendable {
        /// Takes no value: there or not.
        case flag
        case text(String)
        case number(String, ClosedRange<Int>)
        case choice([String])
    }

    let name: String
    let value: Value
    var isRequired = false
    /// May be said several times, each with its own value.
    var isRepeated = false
    let meaning: String

    static func flag(_ name: String, _ meaning: String) -> CommandOption {
        CommandOption(name: name, value: .flag, meaning: meaning)
    }

    static func text(_ name: String, _ value: String, _ meaning: String) -> CommandOption {
        CommandOption(name: name, value: .text(value), meaning: meaning)
    }

    static func number(
        _ name: String, _ value: String, in range: ClosedRange<Int>, _ meaning: String
    ) -> CommandOption {
        CommandOption(name: name, value: .number(value, range), meaning: meaning)
    }

    static func choice(_ name: String, of words: [String], _ meaning: String) -> CommandOption {
        CommandOption(name: name, value: .choice(words), meaning: meaning)
    }

    /// `--limit N`, as the help shows it.
    var pattern: String {
        switch value {
        case .flag: name
        case .text(let value), .number(let value, _): "\(name) \(value)"
        case .choice(let words): "\(name) \(words.joined(separator: "|"))"
        }
    }
}

/// How the tool ends.
enum ExitCode: Int32, Sendable {
    case success = 0
    /// It could not be done, or a check found something; the output says what.
    case failure = 1
    /// The command line was wrong; `EX_USAGE` of `sysexits.h`.
    case usage = 64

    func end() -> Never { endProcess(rawValue) }
}

/// The command line asks for something there isn't; the text says what to do instead.
struct UsageError: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// A command can't do what it was asked; the text is the one line that a person sees.
struct Failure: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
