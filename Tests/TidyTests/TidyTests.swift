import Testing

@Suite("The repository itself")
struct TidyTests {
    static let rules = CodeRules.all + [ImportRules.arrows] + SizeRules.all

    @Test(arguments: rules)
    func `every rule is kept`(rule: Rule) {
        for finding in Repository.files.flatMap(rule.findings) {
            Issue.record("\(finding). \(rule.name): \(rule.reason)")
        }
    }

    @Test(arguments: rules)
    func `every rule sees what breaks it, and only that`(rule: Rule) {
        #expect(!rule.findings(rule.red).isEmpty)
        #expect(rule.findings(rule.green) == [])
    }

    @Test func `the files were found`() {
        let paths = Set(Repository.files.map(\.path))
        #expect(paths.isSuperset(of: ["Package.swift", "Shared/Kernel/Money.swift", "deploy/up", ".ci/run"]))
        #expect(!paths.contains { $0.contains(".build/") })
    }

    @Test func `the top level is fixed`() {
        let fixed: Set<String> = [
            "LICENSE", "Package.swift", "README.md", "Services", "Shared", "Tests", "deploy",
            "docker-compose.yml",
        ]
        #expect(Set(Repository.topLevel).subtracting(fixed) == [])
    }

    @Test(arguments: ["Services/Orders/Domain/A.swift", "Shared/Kernel/A.swift"])
    func `purity ends at the wall`(path: String) {
        for module in ["FoundationEssentials", "Contracts", "Postgres", "Observability"] {
            let file = SourceFile(path: path, text: "package import \(module)\n")
            #expect(ImportRules.arrows.findings(file).map(\.what) == [module])
        }
    }

    @Test(arguments: [
        ("Shared/Messaging/A.swift", "CRDKafka"), ("Shared/ServiceRuntime/A.swift", "CPostgres"),
        ("Services/Notifications/Service/A.swift", "CCurl"), ("Shared/Kafka/A.swift", "Postgres"),
        ("Shared/Postgres/A.swift", "Kafka"), ("Shared/NewFolder/A.swift", "Kernel"),
    ])
    func `an arrow that is not drawn is found`(path: String, module: String) {
        let file = SourceFile(path: path, text: "import \(module)\n")
        #expect(!ImportRules.arrows.findings(file).isEmpty)
    }
}

@Suite("Blanking comments and strings")
struct BlankingTests {
    @Test(arguments: [
        ("a // print(1)", "a            "),
        ("a /* b /* c */ d */ e", "a                   e"),
        (#""print(" + x"#, #""      " + x"#),
        (#""a\(print("b"))c" + d"#, #"" \(print(" ")) " + d"#),
        (##"#"a"b\(c)"# + d"##, ##"#"       "# + d"##),
        (##"#"a\#(b)c"# + d"##, ##"#" \#(b) "# + d"##),
        (#""a\"b" + c"#, #""    " + c"#),
        ("\"\"\"\n a \"b\" c\n\"\"\" + d", "\"\"\"\n        \n\"\"\" + d"),
        ("#if os(Linux)", "#if os(Linux)"),
    ])
    func `what is left is code, in its place`(text: String, code: String) {
        #expect(Blanking.withoutCommentsAndStrings(text) == code)
    }

    @Test func `strings may stay`() {
        #expect(Blanking.withoutComments("\"a // b\" // c") == "\"a // b\"     ")
    }
}
