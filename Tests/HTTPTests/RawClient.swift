import Foundation
import Glibc
import HTTP
import Observability
import Synchronization

/// A client of bytes: sends what a test says, however wrong, and returns what came back.
///
/// It blocks, on a thread of its own and not on one that handlers need.
struct RawClient: Sendable {
    let port: Int

    /// Sends the pieces and returns everything up to the connection's end, or what came within `seconds`.
    func send(_ pieces: String..., seconds: Int = 10) async -> String {
        await onThread {
            guard let socket = connect(seconds: seconds) else { return "no connection" }
            defer { close(socket) }
            for piece in pieces { guard write(piece, to: socket) else { break } }
            return readAll(socket)
        }
    }

    /// Sends the head, then the same piece again and again until the server has had enough of it.
    func sendForever(_ head: String, piece: String) async -> String {
        await onThread {
            guard let socket = connect(seconds: 10) else { return "no connection" }
            defer { close(socket) }
            guard write(head, to: socket) else { return "no head" }
            for _ in 0..<10_000 {
                guard write(piece, to: socket) else { break }
                var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
                if poll(&waiting, 1, 0) > 0 { break }
            }
            return readAll(socket)
        }
    }

    /// Sends and leaves without reading.
    func sendAndLeave(_ text: String) async {
        _ = await onThread {
            guard let socket = connect(seconds: 10) else { return "" }
            _ = write(text, to: socket)
            close(socket)
            return ""
        }
    }

    /// Sends the head, then the piece ten times a second until the connection ends, for half a minute at most.
    func drip(_ head: String, _ piece: String) async -> String {
        await onThread {
            guard let socket = connect(seconds: 10) else { return "no connection" }
            defer { close(socket) }
            var isOpen = write(head, to: socket)
            let end = ContinuousClock.now + .seconds(30)
            var answer = ""
            while isOpen, .now < end {
                var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
                if poll(&waiting, 1, 100) > 0 {
                    var buffer = [UInt8](repeating: 0, count: 4096)
                    let count = recv(socket, &buffer, buffer.count, 0)
                    if count <= 0 { break }
                    answer += String(decoding: buffer[0..<count], as: UTF8.self)
                }
                isOpen = write(piece, to: socket)
            }
            return answer + readAll(socket)
        }
    }

    /// Sends and reads nothing until it is enough, or half a minute is over; then leaves.
    ///
    /// `answered` is set when the answer has begun to arrive.
    func sendAndSleep(
        _ text: String, answered: Served = Served(), until isEnough: @escaping @Sendable () -> Bool
    ) async {
        _ = await onThread {
            guard let socket = connect(seconds: 10) else { return "" }
            _ = write(text, to: socket)
            let end = ContinuousClock.now + .seconds(30)
            while !isEnough(), .now < end {
                // Once there is something to read, a look at the socket would return at once.
                var waiting = pollfd(fd: answered.isSet ? -1 : socket, events: Int16(POLLIN), revents: 0)
                if poll(&waiting, 1, 5) > 0 { answered.set() }
            }
            close(socket)
            return ""
        }
    }

    private func onThread(_ body: @escaping @Sendable () -> String) async -> String {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: body()) }
        }
    }

    private func connect(seconds: Int) -> Int32? {
        // A program that another test starts meanwhile must not hold open what is closed here.
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let result = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return result == 0 ? descriptor : nil
    }

    private func write(_ text: String, to socket: Int32) -> Bool {
        let bytes = Array(text.utf8)
        return Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    private func readAll(_ socket: Int32) -> String {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { return String(decoding: all, as: UTF8.self) }
            all += buffer[0..<count]
        }
    }
}

/// Starts a server with these routes for the time of `body`, and drains it.
func withServer(
    _ routes: [Route], metrics: PrometheusCollectorRegistry = PrometheusCollectorRegistry(),
    configure: (inout HTTPServerConfiguration) -> Void = { _ in },
    body: (HTTPServer, RawClient) async throws -> Void
) async throws {
    let logger = Logger(label: "test", handler: InMemoryLogHandler())
    var configuration = HTTPServerConfiguration()
    configure(&configuration)
    let server = HTTPServer(
        configuration: configuration, router: Router(routes: routes, logger: logger), metrics: metrics,
        logger: logger)
    let client = RawClient(port: try server.start())
    do {
        try await body(server, client)
    } catch {
        await server.drain(deadline: .zero)
        throw error
    }
    await server.drain(deadline: .seconds(5))
}

/// Whether somebody was served.
final class Served: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}

/// Waits until a condition holds; false when it didn't within ten seconds.
func eventually(_ condition: () -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(10)
    while !condition() {
        guard ContinuousClock.now < end else { return false }
        await Task.yield()
        try? await Task.sleep(for: .milliseconds(2))
    }
    return true
}
