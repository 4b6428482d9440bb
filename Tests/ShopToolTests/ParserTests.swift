import Testing

@testable import ShopTool

@Suite("The command line") struct ParserTests {
    private func parse(_ line: String) throws -> Parsed {
        try Parser(groups: commandTable).parse(line.split(separator: " ").map(String.init))
    }

    private func arguments(_ line: String) throws -> Arguments {
        guard case .run(_, let arguments) = try parse(line) else { throw UsageError("help") }
        return arguments
    }

    @Test func `options, flags and operands are told apart`() throws {
        let found = try arguments("order get 42 --wait 7 --json")
        #expect(found.operands == ["42"])
        #expect(found.number("--wait") == 7)
        #expect(found.has("--json"))
        #expect(found.text("--customer") == nil)
    }

    @Test func `a value may follow an equals sign, and have more of them`() throws {
        let found = try arguments("order place --sku=tea=2 --sku cup --customer=ada")
        #expect(found.texts("--sku") == ["tea=2", "cup"])
        #expect(found.text("--customer") == "ada")
    }

    @Test func `after two dashes everything is an operand`() throws {
        #expect(try arguments("order get --json -- --wait").operands == ["--wait"])
    }

    @Test(arguments: [
        ("frobnicate", "there is no command `frobnicate`: see `shop --help`"),
        ("order", "`shop order` needs one of place, get, cancel, list"),
        ("order eat", "`shop order` has no `eat`, but: place, get, cancel, list"),
        ("order get", "`shop order get` needs ID: see `shop order get --help`"),
        ("order get a b", "`shop order get` can't use `b`: see `shop order get --help`"),
        ("order place", "`shop order place` needs --sku SKU[=QTY]: see `shop order place --help`"),
        ("order get a --wait soon", "`--wait` takes a number from 1 to 60, not `soon`"),
        ("order get a --wait 61", "`--wait` takes a number from 1 to 60, not `61`"),
        ("order get a --wait", "`--wait` needs a value: --wait N"),
        ("order get a --json=yes", "`--json` takes no value"),
        ("order get a --wait 1 --wait 2", "`--wait` can be said only once"),
        ("order get a --hurry", "`shop order get` has no option `--hurry`: see `shop order get --help`"),
        ("help order eat", "`shop order` has no `eat`, but: place, get, cancel, list"),
        ("help lag eat", "`shop lag` has no `eat`: see `shop lag --help`"),
        (
            "lag --service storefront",
            "`--service` is one of orders, inventory, payments, notifications, sales, not `storefront`"
        ),
    ])
    func `a mistake is answered with what to do`(line: String, answer: String) {
        #expect(throws: UsageError(answer)) { try parse(line) }
    }

    @Test(arguments: [
        "", "--help", "-h", "help", "order --help", "order place --help", "help order place", "audit -h",
    ])
    func `help is to be had everywhere`(line: String) throws {
        guard case .help(let text) = try parse(line) else {
            Issue.record("no help")
            return
        }
        #expect(!text.isEmpty)
    }

    @Test func `the overview names every command and every setting`() {
        let overview = Help(commandTable).overview
        for group in commandTable {
            for command in group.commands {
                let name = group.name + (command.verb.map { " \($0)" } ?? "")
                #expect(overview.contains("  \(name) "))
            }
        }
        for setting in Setting.allCases { #expect(overview.contains(setting.rawValue)) }
    }

    @Test func `a command's page names its operands and options`() throws {
        guard case .help(let page) = try parse("dead-letters discard --help") else {
            Issue.record("no help")
            return
        }
        #expect(page.contains("Usage: shop dead-letters discard ID --reason REASON"))
        #expect(page.contains("why, for whoever asks later"))
    }

    @Test func `a dead letter's id names its service once`() throws {
        let inventory = LetterID(service: "inventory", number: 1)
        #expect(try LetterID(arguments("dead-letters retry inventory/1")) == inventory)
        #expect(try LetterID(arguments("dead-letters retry 1 --service inventory")) == inventory)
        #expect(try LetterID(arguments("dead-letters retry inventory/1 --service inventory")) == inventory)
        #expect(throws: UsageError("`inventory/1` is of inventory, `--service` says orders: leave one out")) {
            try LetterID(arguments("dead-letters retry inventory/1 --service orders"))
        }
    }

    @Test func `names are unique`() {
        #expect(Set(commandTable.map(\.name)).count == commandTable.count)
        for group in commandTable {
            #expect(Set(group.commands.map(\.verb)).count == group.commands.count)
            for command in group.commands {
                #expect(Set(command.options.map(\.name)).count == command.options.count)
            }
        }
    }
}
