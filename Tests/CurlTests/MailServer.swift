import Foundation
import Glibc
import Synchronization

/// A mail server that takes note of everything, and says no where a test wants it to.
final class MailServer: Sendable {
    struct Delivery: Sendable, Equatable {
        var from = ""
        var to = ""
        var lines: [String] = []
    }

    let port: Int
    private let listener: Int32
    private let stored = Mutex<[Delivery]>([])
    private let connections = Atomic<Int>(0)
    private let replies: [String: String]

    var deliveries: [Delivery] { stored.withLock { $0 } }
    var connectionCount: Int { connections.load(ordering: .relaxed) }

    /// Starts to listen; `replies` has answers other than the usual for some verbs, such as `["RCPT": "550
    /// no"]`.
    init(replies: [String: String] = [:]) throws {
        self.replies = replies
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let failed = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) != 0 || listen(descriptor, 8) != 0
                    || getsockname(descriptor, $0, &length) != 0
            }
        }
        guard !failed else { throw POSIXError(.EADDRINUSE) }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { self.serve() }
    }

    func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private func serve() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            _ = fcntl(client, F_SETFD, FD_CLOEXEC)
            connections.add(1, ordering: .relaxed)
            Thread.detachNewThread { self.talk(client) }
        }
        close(listener)
    }

    private func talk(_ client: Int32) {
        guard let stream = fdopen(client, "r+") else { return }
        defer { fclose(stream) }
        func say(_ text: String) {
            fputs(text + "\r\n", stream)
            fflush(stream)
        }
        say("220 test")
        var delivery = Delivery()
        while let line = readLine(stream) {
            let verb = String(line.prefix(4)).uppercased()
            switch verb {
            case "MAIL": delivery.from = line
            case "RCPT": delivery.to = line
            default: break
            }
            if let reply = replies[verb] {
                say(reply)
                continue
            }
            guard verb == "DATA" else {
                say("250 ok")
                continue
            }
            say("354 go on")
            while let text = readLine(stream), text != "." { delivery.lines.append(text) }
            stored.withLock { $0.append(delivery) }
            delivery = Delivery()
            say("250 taken")
        }
    }

    private func readLine(_ stream: UnsafeMutablePointer<FILE>) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard fgets(&buffer, Int32(buffer.count), stream) != nil else { return nil }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(
            String.init) ?? ""
    }
}
