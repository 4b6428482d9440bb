import Glibc
import ShopHarness
import TestSupport

/// Postgres and the broker, which `deploy/lib/part` starts and ends.
struct Parts: Sendable {
    let settings: Settings
    let postgresPort: Int
    let kafkaProxiedPort: Int
    private let script: String

    /// - Throws: `Failure` where the program was not started by `deploy/faults`.
    init() throws {
        func value(_ name: String) throws -> String {
            guard let value = getenv(name) else {
                throw Failure("start this by deploy/faults: \(name) is missing")
            }
            return String(cString: value)
        }
        func port(_ name: String) throws -> Int {
            guard let port = Int(try value(name)) else { throw Failure("\(name) is no port") }
            return port
        }
        script = try value("FAULTS_PART")
        postgresPort = try port("POSTGRES_PORT")
        kafkaProxiedPort = try port("KAFKA_PROXIED_PORT")
        let state = try value("state")
        settings = Settings(
            postgres: PostgresServer(url: try readText("\(state)/database-url")),
            bootstrapServers: "127.0.0.1:\(try port("KAFKA_PORT"))", brokerKind: .apache)
    }

    /// `start`, `kill` or `wipe`, and `postgres` or `kafka`; a start returns when connections are taken.
    func tell(_ words: String..., by shop: RunningShop) async throws {
        let (code, output) = try await shop.run(script, words, environment, within: .seconds(90))
        guard code == 0 else { throw Failure("part \(words.joined(separator: " ")): \(output)") }
    }

    private var environment: [String: String] {
        var environment: [String: String] = [:]
        for name in [
            "PATH", "HOME", "state", "POSTGRES_PORT", "KAFKA_PORT", "KAFKA_PROXIED_PORT", "KAFKA_HOME",
            "JAVA_HOME",
        ] {
            if let value = getenv(name) { environment[name] = String(cString: value) }
        }
        return environment
    }
}

func readText(_ path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure("can't read \(path)") }
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = read(descriptor, &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(count, 0)).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
}
