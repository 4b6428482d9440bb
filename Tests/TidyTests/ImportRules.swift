/// Who may import whom: the arrows of the layout.
///
/// The build checks that an import is declared in Package.swift; this
/// table checks that what is declared there stays the layout.
enum ImportRules {
    private static let platform: Set<String> = ["Glibc"]
    private static let toolchain = platform.union(["FoundationEssentials", "Synchronization", "Dispatch"])
    private static let service: Set<String> = [
        "Kernel", "Contracts", "Kafka", "Messaging", "Postgres", "HTTP", "Observability", "ServiceRuntime",
    ]

    /// What a folder's files may import beside the toolchain's modules; each C library has one door.
    private static let allowed: [String: Set<String>] = [
        "Shared/JSON": ["Kernel"],
        "Shared/Contracts": ["JSON", "Kernel"],
        "Shared/Observability": ["Kernel"],
        "Shared/BlockingIO": [],
        "Shared/Kafka": ["CRDKafka", "BlockingIO", "Observability"],
        "Shared/Postgres": ["CPostgres", "BlockingIO", "Kernel", "Observability"],
        "Shared/Messaging": ["Kafka", "Postgres", "Contracts", "Kernel", "Observability"],
        "Shared/HTTP": ["CMicroHTTPD", "JSON", "Kernel", "Observability"],
        "Shared/Curl": ["CCurl", "BlockingIO", "Kernel"],
        "Shared/ServiceRuntime": [
            "BlockingIO", "CSystem", "HTTP", "Kafka", "Messaging", "Observability", "Postgres",
        ],
        "Services/Orders/Service": service.union(["OrdersDomain", "JSON"]),
        "Services/Inventory/Service": service.union(["InventoryDomain"]),
        "Services/Payments/Service": service.union(["PaymentsDomain"]),
        "Services/Notifications/Service": service.union(["NotificationsDomain", "Curl"]),
        "Services/Sales/Service": service.union(["SalesDomain"]),
        "deploy/Shop": [
            "BlockingIO", "Contracts", "Curl", "InventoryDomain", "Kafka", "Kernel", "Messaging",
            "NotificationsDomain", "Observability", "OrdersDomain", "PaymentsDomain", "Postgres",
        ],
        "deploy/LocalBroker": ["Contracts", "Kafka", "Observability"],
        "deploy/Simulation": ["Simulation"],
        "deploy/Micro": [
            "Contracts", "InventoryDomain", "Kafka", "Kernel", "Messaging", "Observability", "OrdersDomain",
            "PaymentsDomain", "Postgres", "TestSupport",
        ],
        "deploy/Faults": [
            "Contracts", "Kafka", "Kernel", "Observability", "Postgres", "ShopHarness", "TestSupport",
        ],
    ]

    /// The modules that a file at `path` may import, or nil where the table does not know its folder.
    static func modules(for file: SourceFile) -> Set<String>? {
        if file.isDomain { return ["Kernel"] }
        if file.path.hasPrefix("Shared/Kernel/") { return platform }
        let folder = file.path.split(separator: "/").prefix(file.path.hasPrefix("Services/") ? 3 : 2)
        return allowed[folder.joined(separator: "/")]?.union(toolchain)
    }

    static let arrows = Rule(
        name: "Imports follow the layout's arrows",
        reason:
            "no service knows another, a Domain knows nothing but the Kernel, each C library has one door",
        red: SourceFile(path: "Services/Orders/Service/A.swift", text: "import PaymentsDomain\n"),
        green: SourceFile(path: "Services/Orders/Service/A.swift", text: "import OrdersDomain\n")
    ) { file in
        guard file.isShipped else { return [] }
        // Foundation as a whole has a rule, and a reason, of its own.
        guard let allowed = modules(for: file)?.union(file.isDomain ? [] : ["Foundation"]) else {
            return [
                Finding(path: file.path, line: 1, what: "a folder that the table of imports does not know")
            ]
        }
        return file.imports.filter { !allowed.contains($0.module) }
            .map { Finding(path: file.path, line: $0.line, what: $0.module) }
    }
}
