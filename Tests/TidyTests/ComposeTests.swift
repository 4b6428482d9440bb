import Foundation
import Testing

/// What `deploy/compose.tls.yml` adds to `docker-compose.yml`, which nothing that compiles or starts holds together.
@Suite("The shop in containers, with certificates")
struct ComposeTests {
    private let plain: [String: String]
    private let secured: [String: String]
    private let security: String

    init() throws {
        plain = Self.services(try Self.text("docker-compose.yml"))
        secured = Self.services(try Self.text("deploy/compose.tls.yml"))
        security = try Self.text("deploy/lib/security.sh")
    }

    @Test func `every service that goes to Kafka has a certificate of its own, and no other's`() throws {
        let certificates = try #require(secured["certificates"])
        let strangers: Set<String> = ["postgres", "door"]
        let known = Set(plain.keys).subtracting(strangers)
        let list = try #require(try Self.text("deploy/lib/common.sh").firstMatch(of: /\nservices=\((.+)\)/))
        #expect(known == Set(list.1.split(separator: " ").map(String.init)).union(["kafka", "setup"]))
        #expect(Set(secured.keys) == known.union(["certificates"]))
        for name in known.sorted() {
            let principal = name == "setup" ? "shop" : name
            let block = secured[name] ?? ""
            #expect(
                Set(block.matches(of: /tls-[a-z]+|authority/).map(\.output)) == ["tls-\(principal)"],
                "\(name)")
            #expect(block.contains("\"tls-\(principal):/tls:ro\""), "\(name)")
            #expect(certificates.contains("- tls-\(principal):/tls/\(principal)\n"), "\(name)")
            #expect(name == "kafka" || block.contains("environment: *certificate\n"), "\(name)")
        }
    }

    @Test func `every listener of Kafka is for who has a certificate`() throws {
        let listeners = try #require(Self.settings(plain["kafka"])["KAFKA_LISTENERS"])
        let names = listeners.split(separator: ",").map { $0.prefix { $0 != ":" } }
        #expect(names.count == 3)
        #expect(
            Self.settings(secured["kafka"])["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"]
                == names.map { "\($0):SSL" }.joined(separator: ","))
    }

    @Test func `Kafka has the settings that it has without Docker`() throws {
        let settings = Self.settings(secured["kafka"])
        let function = try #require(security.firstRange(of: "broker_security() {"))
        let end = try #require(security[function.upperBound...].firstRange(of: "\nEND\n"))
        let properties = security[function.upperBound..<end.lowerBound].split(separator: "\n")
            .compactMap { $0.wholeMatch(of: /([a-z.]+)=(.+)/)?.output }
        #expect(properties.count == 9)
        for (_, name, value) in properties where !value.hasPrefix("$state/") {
            let variable = "KAFKA_" + name.uppercased().replacing(".", with: "_")
            #expect(settings[variable] == String(value).replacing("\\$", with: "$"), "\(variable)")
        }
    }

    private static func text(_ path: String) throws -> String {
        try #require(Repository.files.first { $0.path == path }).text
    }

    /// The services of a Compose file, each with the lines that stand under its name.
    private static func services(_ text: String) -> [String: String] {
        var found: [String: String] = [:]
        var section: Substring = ""
        var name: String?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let top = line.prefixMatch(of: /[a-z-]+:/) { (section, name) = (top.output, nil) }
            guard section == "services:", !line.hasPrefix("  #") else { continue }
            if let next = line.wholeMatch(of: #/  ([a-z]+):/#) {
                name = String(next.1)
            } else if let name {
                found[name, default: ""] += "\(line)\n"
            }
        }
        return found
    }

    /// What a service is told by its environment, as its container sees it.
    private static func settings(_ block: String?) -> [String: String] {
        var found: [String: String] = [:]
        for line in (block ?? "").split(separator: "\n") {
            guard let setting = line.wholeMatch(of: #/ +([A-Z_]+): (.+)/#) else { continue }
            found[String(setting.1)] = String(setting.2).replacing("\"", with: "").replacing("$$", with: "$")
        }
        return found
    }
}
