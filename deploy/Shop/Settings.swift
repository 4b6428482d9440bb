import Contracts
import Glibc
import Kafka

/// What the environment decides, with its meaning for `shop --help`: the one list of settings.
enum Setting: String, CaseIterable, Sendable {
    case databaseURL = "DATABASE_URL"
    case bootstrapServers = "KAFKA_BOOTSTRAP_SERVERS"
    case kafkaAuthorityFile = "KAFKA_SSL_CA_FILE"
    case kafkaCertificateFile = "KAFKA_SSL_CERTIFICATE_FILE"
    case kafkaKeyFile = "KAFKA_SSL_KEY_FILE"
    case kafkaMechanism = "KAFKA_SASL_MECHANISM"
    case kafkaUsername = "KAFKA_SASL_USERNAME"
    case kafkaPassword = "KAFKA_SASL_PASSWORD"
    case partitions = "KAFKA_PARTITIONS"
    case replicationFactor = "KAFKA_REPLICATION_FACTOR"
    case ordersURL = "ORDERS_URL"
    case inventoryURL = "INVENTORY_URL"
    case paymentsURL = "PAYMENTS_URL"
    case notificationsURL = "NOTIFICATIONS_URL"
    case salesURL = "SALES_URL"
    case ordersPassword = "ORDERS_DATABASE_PASSWORD"
    case inventoryPassword = "INVENTORY_DATABASE_PASSWORD"
    case paymentsPassword = "PAYMENTS_DATABASE_PASSWORD"
    case notificationsPassword = "NOTIFICATIONS_DATABASE_PASSWORD"
    case salesPassword = "SALES_DATABASE_PASSWORD"
    case gatewayPassword = "GATEWAY_DATABASE_PASSWORD"

    /// Where a service answers.
    static func url(of service: String) -> Setting { named("\(service.uppercased())_URL") }

    /// The password of a role, which is a service or `gateway`.
    static func password(of role: String) -> Setting { named("\(role.uppercased())_DATABASE_PASSWORD") }

    private static func named(_ name: String) -> Setting {
        guard let setting = Setting(rawValue: name) else { preconditionFailure("\(name) is no setting") }
        return setting
    }

    var meaning: String {
        switch self {
        case .databaseURL: "database `shop`, as its administrator"
        case .bootstrapServers: "Kafka's brokers, host:port separated by commas"
        case .kafkaAuthorityFile: "PEM file of the authority that signed the brokers; all three turn TLS on"
        case .kafkaCertificateFile: "PEM file of the operator's certificate"
        case .kafkaKeyFile: "PEM file of the operator's key"
        case .kafkaMechanism:
            "how the operator shows a password to the brokers: none, or PLAIN, through TLS"
        case .kafkaUsername: "the operator's name there"
        case .kafkaPassword: "the password of that name"
        case .partitions:
            "partitions of each topic that `shop setup` makes; like those that are there, if any"
        case .replicationFactor: "copies of each topic that `shop setup` makes"
        case .ordersURL, .inventoryURL, .paymentsURL, .notificationsURL, .salesURL:
            "where the service answers"
        case .ordersPassword, .inventoryPassword, .paymentsPassword, .notificationsPassword, .salesPassword,
            .gatewayPassword:
            "password that `shop setup` gives the role; unset, only a new role"
        }
    }

    var preset: String {
        switch self {
        case .databaseURL: "postgres://shop@127.0.0.1:5433/shop"
        case .bootstrapServers: "127.0.0.1:9092"
        case .kafkaAuthorityFile, .kafkaCertificateFile, .kafkaKeyFile, .kafkaUsername, .kafkaPassword: ""
        case .kafkaMechanism: KafkaSecurity.Mechanism.none.rawValue
        case .partitions: "\(Topic.partitions)"
        case .replicationFactor: "1"
        case .ordersURL: "http://127.0.0.1:8080"
        case .inventoryURL: "http://127.0.0.1:8081"
        case .paymentsURL: "http://127.0.0.1:8082"
        case .notificationsURL: "http://127.0.0.1:8083"
        case .salesURL: "http://127.0.0.1:8084"
        case .ordersPassword: "orders"
        case .inventoryPassword: "inventory"
        case .paymentsPassword: "payments"
        case .notificationsPassword: "notifications"
        case .salesPassword: "sales"
        case .gatewayPassword: "gateway"
        }
    }
}

/// Looks settings up: in the environment, in the file that the environment names, in what `deploy/up` has
/// left in `.local`, and at last in the presets.
struct Settings: Sendable {
    let environment: [String: String]
    /// The folder that `deploy/up` keeps its state in; nil where there is none around.
    let localFolder: String?

    /// - Returns: of a service's address what paths are put after.
    /// - Throws: `Failure` for a file that can't be read, and for a service's address that is none.
    subscript(setting: Setting) -> String {
        get throws(Failure) {
            let text = try given(setting) ?? local(setting) ?? setting.preset
            switch setting {
            case .ordersURL, .inventoryURL, .paymentsURL, .notificationsURL, .salesURL:
                return try Settings.base(text, setting)
            default: return text
            }
        }
    }

    private static func base(_ text: String, _ setting: Setting) throws(Failure) -> String {
        let host = ["http://", "https://"].first { text.hasPrefix($0) }
            .map { text.dropFirst($0.count).prefix { $0 != "/" } }
        guard let host, !host.isEmpty else {
            throw Failure(
                "\(setting.rawValue) is an address such as \(setting.preset), not `\(text.oneLine)`")
        }
        var base = text
        while base.hasSuffix("/") { base.removeLast() }
        return base
    }

    /// What the environment says by itself or by a file; nil where it says nothing.
    ///
    /// - Throws: `Failure` for a file that can't be read.
    func given(_ setting: Setting) throws(Failure) -> String? {
        if let value = environment[setting.rawValue], !value.isEmpty { return value }
        let name = setting.rawValue + "_FILE"
        guard let path = environment[name], !path.isEmpty else { return nil }
        guard let text = readFile(path) else { throw Failure("\(name): can't read \(path)") }
        return text
    }

    private func local(_ setting: Setting) -> String? {
        guard let localFolder else { return nil }
        switch setting {
        case .databaseURL: return readFile("\(localFolder)/database-url")
        case .bootstrapServers: return readFile("\(localFolder)/run/bootstrap")
        case .ordersURL, .inventoryURL, .paymentsURL, .notificationsURL, .salesURL:
            let service = setting.rawValue.prefix { $0 != "_" }.lowercased()
            let host = readFile("\(localFolder)/run/\(service).host") ?? "127.0.0.1"
            return readFile("\(localFolder)/run/\(service).port").map { "http://\(host):\($0)" }
        case .kafkaAuthorityFile, .kafkaCertificateFile, .kafkaKeyFile, .kafkaMechanism, .kafkaUsername,
            .kafkaPassword:
            return localSecurity(setting, localFolder)
        case .partitions, .replicationFactor: return nil
        case .ordersPassword, .inventoryPassword, .paymentsPassword, .notificationsPassword, .salesPassword,
            .gatewayPassword:
            return nil
        }
    }

    /// How `deploy/up` has its own broker know the operator, by what KAFKA_SECURITY was then; nothing for another broker.
    private func localSecurity(_ setting: Setting, _ folder: String) -> String? {
        let own = readFile("\(folder)/run/bootstrap")
        guard let own, (try? self[.bootstrapServers]) == own else { return nil }
        switch (readFile("\(folder)/run/kafka.security"), setting) {
        case ("tls", .kafkaAuthorityFile), ("sasl", .kafkaAuthorityFile): return "\(folder)/tls/ca.pem"
        case ("tls", .kafkaCertificateFile), ("tls", .kafkaKeyFile): return "\(folder)/tls/shop.pem"
        case ("sasl", .kafkaMechanism): return KafkaSecurity.Mechanism.plain.rawValue
        case ("sasl", .kafkaUsername): return "shop"
        case ("sasl", .kafkaPassword): return readFile("\(folder)/secrets/kafka-shop")
        default: return nil
        }
    }

    /// librdkafka's settings by which the brokers and this tool know each other; none for plain text.
    var kafkaSecurity: [String: String] {
        get throws(Failure) {
            let word = try self[.kafkaMechanism]
            guard let mechanism = KafkaSecurity.Mechanism(rawValue: word) else {
                let all = KafkaSecurity.Mechanism.allCases.map(\.rawValue).joined(separator: ", ")
                throw Failure("\(Setting.kafkaMechanism.rawValue) is one of \(all), not `\(word.oneLine)`")
            }
            let security = KafkaSecurity(
                authorityFile: try self[.kafkaAuthorityFile],
                certificateFile: try self[.kafkaCertificateFile], keyFile: try self[.kafkaKeyFile],
                mechanism: mechanism, username: try self[.kafkaUsername], password: try self[.kafkaPassword])
            do {
                return try security.settings()
            } catch {
                guard case .configuration(let fault) = error else { throw Failure("\(error)") }
                throw Failure(fault)
            }
        }
    }

    /// The settings of this process.
    static var process: Settings {
        var environment: [String: String] = [:]
        var entry = environ
        while let line = entry.pointee {
            let parts = String(cString: line).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return Settings(environment: environment, localFolder: findLocalFolder(above: executablePath()))
    }
}

/// The path of this program, with no symbolic link left in it.
func executablePath() -> String {
    guard let path = realpath("/proc/self/exe", nil) else { return "" }
    defer { free(path) }
    return String(cString: path)
}

/// `.local` beside the nearest folder above that has one: a build of the project lies below the project.
private func findLocalFolder(above path: String) -> String? {
    var folder = path[...]
    while let slash = folder.lastIndex(of: "/") {
        folder = folder[..<slash]
        let candidate = folder + "/.local"
        if access("\(candidate)/run", R_OK) == 0 { return String(candidate) }
    }
    return nil
}

/// The text of a small file without the line's end; nil where it can't be read or is empty.
private func readFile(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return nil }
    let bytes = buffer.prefix(count)
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
}
