import CPostgres
import Foundation

struct ProxyError: Error, CustomStringConvertible {
    let what: String
    var description: String { "proxy: \(what)" }
}

/// Where a server listens.
struct ProxyTarget: Sendable {
    let host: String
    let port: UInt16

    init(port: UInt16) {
        host = "127.0.0.1"
        self.port = port
    }

    /// As a Postgres URL says.
    init(_ url: String) throws {
        guard let parsed = PQconninfoParse(url, nil) else { throw ProxyError(what: "unreadable URL") }
        defer { PQconninfoFree(parsed) }
        var values: [String: String] = [:]
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        host = values["host"] ?? "/var/run/postgresql"
        port = values["port"].flatMap(UInt16.init) ?? 5432
    }

    /// A connected socket; one that fails looks like a connection that is cut at once.
    func connect() -> Int32 { host.hasPrefix("/") ? connectToFile() : connectToAddress() }

    private func connectToFile() -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: "\(host)/.s.PGSQL.\(port)".utf8.prefix(107))
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        return descriptor
    }

    private func connectToAddress() -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &found) == 0, let first = found else { return -1 }
        defer { freeaddrinfo(first) }
        for candidate in sequence(first: first, next: { $0.pointee.ai_next }) {
            let descriptor = socket(
                candidate.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            let isConnected =
                Glibc.connect(descriptor, candidate.pointee.ai_addr, candidate.pointee.ai_addrlen) == 0
            if isConnected { return descriptor }
            _ = Glibc.close(descriptor)
        }
        return -1
    }
}
