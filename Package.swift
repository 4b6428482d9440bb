// swift-tools-version: 6.2
import PackageDescription

/// The rules every target is built by: Swift 6 mode, no warning survives, and an import says who may see it.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Named places where fault experiments end a process; no build that ships has them.
    .define("FAIL_POINTS", .when(configuration: .debug)),
]

func shared(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Shared/\(name)", exclude: exclude,
        swiftSettings: settings)
}

/// A C library of the distribution, named to pkg-config; `deploy/up` installs what is missing.
func library(_ name: String, pkgConfig: String, apt: String, brew: String) -> Target {
    .systemLibrary(
        name: name, path: "Shared/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt]), .brew([brew])])
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)", exclude: exclude,
        swiftSettings: settings)
}

/// A program of the operator's under `deploy/`.
func tool(
    _ name: String, _ dependencies: [Target.Dependency], path: String, exclude: [String] = []
) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: "deploy/\(path)", exclude: exclude,
        swiftSettings: settings)
}

/// Every service is the same four targets: a pure domain, an executable, and the tests of both.
func service(_ name: String, extra: [Target.Dependency] = []) -> [Target] {
    let parts: [Target.Dependency] = [
        "Kernel", "Contracts", "Kafka", "Messaging", "Postgres", "HTTP", "Observability", "ServiceRuntime",
    ]
    return [
        .target(
            name: "\(name)Domain", dependencies: ["Kernel"], path: "Services/\(name)/Domain",
            swiftSettings: settings),
        .executableTarget(
            name: "\(name)Service", dependencies: [.byName(name: "\(name)Domain")] + parts + extra,
            path: "Services/\(name)/Service", resources: [.embedInCode("API/openapi.json")],
            swiftSettings: settings),
        tests("\(name)DomainTests", [.byName(name: "\(name)Domain"), "Kernel"]),
        tests(
            "\(name)ServiceTests",
            [.byName(name: "\(name)Service"), .byName(name: "\(name)Domain")] + parts + extra),
    ]
}

let package = Package(
    name: "quadrille",
    products: [
        .executable(name: "orders", targets: ["OrdersService"]),
        .executable(name: "inventory", targets: ["InventoryService"]),
        .executable(name: "payments", targets: ["PaymentsService"]),
        .executable(name: "notifications", targets: ["NotificationsService"]),
        .executable(name: "sales", targets: ["SalesService"]),
        .executable(name: "shop", targets: ["ShopTool"]),
        .executable(name: "local-broker", targets: ["LocalBroker"]),
        .executable(name: "faults", targets: ["Faults"]),
    ],
    targets: [
        library("CRDKafka", pkgConfig: "rdkafka", apt: "librdkafka-dev", brew: "librdkafka"),
        library("CPostgres", pkgConfig: "libpq", apt: "libpq-dev", brew: "libpq"),
        library("CMicroHTTPD", pkgConfig: "libmicrohttpd", apt: "libmicrohttpd-dev", brew: "libmicrohttpd"),
        library("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev", brew: "curl"),
        .target(
            name: "CSystem", path: "Shared/CSystem",
            linkerSettings: [.linkedLibrary("jemalloc", .when(platforms: [.linux]))]),
        shared("Kernel"),
        shared("JSON", ["Kernel"]),
        // What the code says there, for people and tools that don't read Swift; no program serves it.
        shared("Contracts", ["JSON", "Kernel"], exclude: ["asyncapi.json"]),
        shared("Observability", ["Kernel"]),
        shared("BlockingIO"),
        shared("Kafka", ["CRDKafka", "BlockingIO", "Observability"]),
        shared("Postgres", ["CPostgres", "BlockingIO", "Kernel", "Observability"]),
        shared("Messaging", ["Kafka", "Postgres", "Contracts", "Kernel", "Observability"]),
        shared("HTTP", ["CMicroHTTPD", "JSON", "Kernel", "Observability"]),
        shared("Curl", ["CCurl", "BlockingIO", "Kernel"]),
        shared(
            "ServiceRuntime",
            ["BlockingIO", "CSystem", "HTTP", "Kafka", "Messaging", "Observability", "Postgres"]),
        tool(
            "ShopTool",
            [
                "BlockingIO", "Contracts", "Curl", "InventoryDomain", "Kafka", "Kernel", "Messaging",
                "NotificationsDomain", "Observability", "OrdersDomain", "PaymentsDomain", "Postgres",
            ], path: "Shop"),
        tool(
            "Faults",
            ["Contracts", "Kafka", "Kernel", "Observability", "Postgres", "ShopHarness", "TestSupport"],
            path: "Faults", exclude: ["README.md"]),
        tool(
            "Micro",
            [
                "Contracts", "InventoryDomain", "Kafka", "Kernel", "Messaging", "Observability",
                "OrdersDomain", "PaymentsDomain", "Postgres", "TestSupport",
            ], path: "Micro"),
        tool("LocalBroker", ["Contracts", "Kafka", "Observability"], path: "LocalBroker"),
        .target(
            name: "TestSupport",
            dependencies: [
                "CPostgres", "Contracts", "HTTP", "Kafka", "Kernel", "Messaging", "Observability", "Postgres",
            ],
            path: "Tests/TestSupport", swiftSettings: settings),
        .target(
            name: "ShopHarness",
            dependencies: ["Contracts", "Kafka", "Kernel", "Observability", "Postgres", "TestSupport"],
            path: "Tests/ShopHarness", swiftSettings: settings),
        .target(
            name: "Simulation",
            dependencies: [
                "Contracts", "Kernel", "OrdersDomain", "InventoryDomain", "PaymentsDomain",
                "NotificationsDomain",
            ],
            path: "Tests/Simulation", exclude: ["README.md"], swiftSettings: settings),
        tool("Simulate", ["Simulation"], path: "Simulation"),
        tests(
            "SimulationTests",
            [
                "Simulation", "Kernel", "OrdersDomain", "InventoryDomain", "PaymentsDomain",
                "NotificationsDomain",
            ]),
        tests("KernelTests", ["Kernel"]),
        tests("JSONTests", ["JSON", "Contracts", "Kernel"]),
        tests("ContractsTests", ["Contracts", "Kernel"], exclude: ["Golden"]),
        tests("ObservabilityTests", ["Observability", "Kernel"]),
        tests("BlockingIOTests", ["BlockingIO"]),
        tests("KafkaTests", ["CRDKafka", "Kafka", "Observability"]),
        tests("PostgresTests", ["Postgres", "Kernel", "Observability"]),
        tests("MessagingTests", ["Messaging", "Kafka", "Postgres", "Contracts", "Kernel", "Observability"]),
        tests("HTTPTests", ["HTTP", "Kernel", "Observability"]),
        tests("CurlTests", ["Curl", "HTTP", "Kernel", "Observability"]),
        tests("ServiceRuntimeTests", ["ServiceRuntime", "HTTP", "Messaging", "Observability"]),
        tests(
            "ShopToolTests",
            [
                "ShopTool", "Contracts", "InventoryDomain", "Kafka", "Kernel", "Messaging", "Observability",
                "OrdersDomain", "PaymentsDomain", "Postgres",
            ]),
        tests("TidyTests", []),
        tests("SystemTests", ["Contracts", "Kafka", "Kernel", "Observability", "Postgres", "ShopHarness"]),
    ] + service("Orders", extra: ["JSON"]) + service("Inventory") + service("Payments")
        + service("Notifications", extra: ["Curl"]) + service("Sales")
)
