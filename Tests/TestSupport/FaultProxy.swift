import Foundation
import Synchronization

/// Stands between a server and its clients, and does to their connections what networks do.
///
/// One thread moves the bytes; what the test asks for is in effect when the call returns.
package final class FaultProxy: Sendable {
    /// What happens to the connections.
    package enum Mode: Sendable {
        case forward
        /// Nothing moves in either direction, and nobody is told.
        case silent
        /// Connections are cut, and new ones refused as soon as they are made.
        case down
        /// Like `forward`, but the first time these bytes come from the client they are passed on and the
        /// connection is cut before the answer.
        case cutAfter([UInt8])
        /// Like `cutAfter`, but the bytes are held back.
        case cutBefore([UInt8])
    }

    private struct State {
        var mode = Mode.forward
        var isOver = false
        var turns = 0
        var connections = 0
    }

    package let port: UInt16
    private let server: PostgresServer?
    private let state = Mutex(State())

    /// Stands before Postgres, on a free port of the loopback interface.
    package convenience init(to server: PostgresServer) throws {
        try self.init(to: ProxyTarget(server.url), server, listeningOn: 0)
    }

    /// Stands before any server of this machine.
    ///
    /// - Parameter port: where to listen, on the loopback interface; 0 for a free one.
    package convenience init(toPort target: UInt16, listeningOn port: UInt16 = 0) throws {
        try self.init(to: ProxyTarget(port: target), nil, listeningOn: port)
    }

    private init(to target: ProxyTarget, _ server: PostgresServer?, listeningOn port: UInt16) throws {
        self.server = server
        // Programs that are started meanwhile must not hold a connection open that is cut here.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        var reuse: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw ProxyError(what: "can't listen: errno \(errno)") }
        self.port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [self] in run(listener, target) }
    }

    /// The Postgres server's URL, by way of this proxy.
    package var url: String {
        let here = server?.url(with: "host", "127.0.0.1") ?? ""
        return PostgresServer(url: here).url(with: "port", String(port))
    }

    /// How many connections are open now.
    package var connections: Int { state.withLock { $0.connections } }

    /// Changes the mode, and waits until the thread has seen it.
    package func set(_ mode: Mode) async throws {
        let turn = state.withLock {
            $0.mode = mode
            return $0.turns
        }
        try await eventually("proxy changes its mode") { state.withLock { $0.turns > turn + 1 } }
    }

    package func close() { state.withLock { $0.isOver = true } }

    private func run(_ listener: Int32, _ target: ProxyTarget) {
        var pairs: [(client: Int32, server: Int32)] = []
        while true {
            let (mode, isOver) = state.withLock {
                $0.turns += 1
                $0.connections = pairs.count
                return ($0.mode, $0.isOver)
            }
            if isOver { break }
            if case .down = mode { cut(&pairs) }
            var watched = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
            if case .silent = mode {
            } else {
                watched += pairs.flatMap { [$0.client, $0.server] }
                    .map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            }
            guard poll(&watched, nfds_t(watched.count), 2) > 0 else { continue }
            let ready = Set(watched.filter { $0.revents != 0 }.map(\.fd))
            pairs.removeAll { pair in
                let isKept = move(pair, ready: ready, mode)
                if !isKept { closeBoth(pair) }
                return !isKept
            }
            if ready.contains(listener) { admit(listener, target, mode, &pairs) }
        }
        cut(&pairs)
        _ = Glibc.close(listener)
    }

    private func admit(
        _ listener: Int32, _ target: ProxyTarget, _ mode: Mode,
        _ pairs: inout [(client: Int32, server: Int32)]
    ) {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        if case .down = mode {
            _ = Glibc.close(client)
            return
        }
        let upstream = target.connect()
        pairs.append((client, upstream))
    }

    /// Moves what there is; false when the connection is to be cut.
    private func move(_ pair: (client: Int32, server: Int32), ready: Set<Int32>, _ mode: Mode) -> Bool {
        if ready.contains(pair.client) {
            guard let bytes = readSome(pair.client) else { return false }
            switch mode {
            case .forward, .silent, .down: break
            case .cutAfter(let mark):
                if bytes.firstRange(of: mark) != nil {
                    _ = writeAll(pair.server, bytes)
                    awaitAnswer(pair.server)
                    state.withLock { $0.mode = .forward }
                    return false
                }
            case .cutBefore(let mark):
                if bytes.firstRange(of: mark) != nil {
                    state.withLock { $0.mode = .forward }
                    return false
                }
            }
            guard writeAll(pair.server, bytes) else { return false }
        }
        if ready.contains(pair.server) {
            guard let bytes = readSome(pair.server), writeAll(pair.client, bytes) else { return false }
        }
        return true
    }

    private func awaitAnswer(_ descriptor: Int32) {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&watched, 1, 5000)
    }

    private func cut(_ pairs: inout [(client: Int32, server: Int32)]) {
        for pair in pairs { closeBoth(pair) }
        pairs = []
        state.withLock { $0.connections = 0 }
    }

    private func closeBoth(_ pair: (client: Int32, server: Int32)) {
        _ = Glibc.close(pair.client)
        _ = Glibc.close(pair.server)
    }

    private func readSome(_ descriptor: Int32) -> [UInt8]? {
        let bytes = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
            count = max(read(descriptor, buffer.baseAddress, buffer.count), 0)
        }
        return bytes.isEmpty ? nil : bytes
    }

    private func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard written > 0 else { return false }
            rest = rest.dropFirst(written)
        }
        return true
    }
}
