import Foundation
import Glibc

/// What a service answered.
package struct WebAnswer: Sendable {
    package let status: Int
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    package func json<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw NoAnswer(reason: "\(status) with a body that is no \(type): \(text.prefix(300))")
        }
    }

    package var text: String { String(decoding: body, as: UTF8.self) }
}

/// There was none, or none that is HTTP.
package struct NoAnswer: Error, CustomStringConvertible {
    package let reason: String

    package init(reason: String) { self.reason = reason }
    package var description: String { "no answer: \(reason)" }
}

/// A connection to a port of this machine, of which a test decides every byte.
///
/// Its calls block.
package struct RawSocket: ~Copyable {
    private let descriptor: Int32

    /// - Parameter seconds: how long one read or write may take.
    package init(port: Int, seconds: Int = 20) throws { descriptor = try Self.connected(to: port, seconds) }

    private static func connected(to port: Int, _ seconds: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw NoAnswer(reason: "no socket, error \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        let result = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            throw NoAnswer(reason: "no connection to \(port), error \(code)")
        }
        return descriptor
    }

    deinit { close(descriptor) }

    /// Hands the descriptor over, which the caller closes.
    package consuming func release() -> Int32 {
        let descriptor = descriptor
        discard self
        return descriptor
    }

    /// False when the other side takes no more.
    package func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    package var hasSomethingToRead: Bool {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&waiting, 1, 0) > 0
    }

    /// Reads one answer, to the length that its head says.
    package func readAnswer(toHead: Bool = false) throws -> WebAnswer {
        var bytes: [UInt8] = []
        let end = Array("\r\n\r\n".utf8)
        var buffer = [UInt8](repeating: 0, count: 65536)
        var head: (answer: WebAnswer, bodyStart: Int, length: Int?)?
        while true {
            if head == nil, let range = bytes.firstRange(of: end) {
                let answer = try WebAnswer(head: bytes[..<range.lowerBound])
                let hasNoBody = toHead || answer.status == 304 || answer.status == 204
                let length = hasNoBody ? 0 : answer.header("Content-Length").flatMap { Int($0) }
                head = (answer, range.upperBound, length)
            }
            if let head, let length = head.length, bytes.count >= head.bodyStart + length {
                let body = bytes[head.bodyStart..<head.bodyStart + length]
                return WebAnswer(status: head.answer.status, headers: head.answer.headers, body: Array(body))
            }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                bytes += buffer[0..<count]
            } else if count == 0, let head, head.length == nil {
                let body = Array(bytes[head.bodyStart...])
                return WebAnswer(status: head.answer.status, headers: head.answer.headers, body: body)
            } else {
                throw NoAnswer(
                    reason: count == 0 ? "the connection ended after \(bytes.count) bytes" : "error \(errno)")
            }
        }
    }
}

extension WebAnswer {
    fileprivate init(head: ArraySlice<UInt8>) throws {
        let lines = String(decoding: head, as: UTF8.self).split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw NoAnswer(reason: "not HTTP: \(lines.first ?? "")")
        }
        self.init(
            status: status,
            headers: lines.dropFirst().compactMap { line in
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2 else { return nil }
                return (name: String(parts[0]), value: parts[1].trimmingCharacters(in: .whitespaces))
            }, body: [])
    }
}

/// Runs what blocks on a thread of its own, since the tests share two with everything else.
package func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// Sends a request over a connection of its own.
package func call(
    _ method: String, port: Int, _ path: String, headers: [String: String] = [:], body: String? = nil,
    seconds: Int = 20
) async throws -> WebAnswer {
    var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
    if let body { head += "Content-Length: \(body.utf8.count)\r\n" }
    for (name, value) in headers { head += "\(name): \(value)\r\n" }
    let request = head + "\r\n" + (body ?? "")
    return try await onThread {
        let socket = try RawSocket(port: port, seconds: seconds)
        // A refusal may come before the whole body went out.
        _ = socket.send(request)
        return try socket.readAnswer(toHead: method == "HEAD")
    }
}

/// Connections that are kept open.
package struct Held: ~Copyable {
    private var sockets: [Int32] = []

    package init() {}

    package var count: Int { sockets.count }

    package mutating func open(_ port: Int, sending text: String) throws {
        let socket = try RawSocket(port: port)
        if !text.isEmpty { _ = socket.send(text) }
        sockets.append(socket.release())
    }

    /// A moment, for a thread that has nothing else to do.
    package func pause() { poll(nil, 0, 10) }

    deinit { for socket in sockets { close(socket) } }
}

/// Shells give 1024, fewer than the connections of some tests.
///
/// - Returns: how many there may be now; fewer than `count` where the hard limit is lower.
@discardableResult
package func allowDescriptors(_ count: Int) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    if limit.rlim_cur < count {
        limit.rlim_cur = min(limit.rlim_max, rlim_t(count))
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return Int(clamping: limit.rlim_cur)
}

/// A connection for one request after another; once one has failed it is of no use any more.
///
/// Its calls block.
package final class WebConnection {
    package let port: Int
    private let socket: RawSocket

    /// - Parameter seconds: how long one read or write may take.
    package init(port: Int, seconds: Int) throws {
        self.port = port
        socket = try RawSocket(port: port, seconds: seconds)
    }

    package func call(
        _ method: String, _ path: String, headers: [String: String] = [:], body: String = ""
    ) throws -> WebAnswer {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n"
        if method != "GET" { head += "Content-Length: \(body.utf8.count)\r\n" }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        guard socket.send("\(head)\r\n\(body)") else { throw NoAnswer(reason: "the connection was lost") }
        return try socket.readAnswer()
    }
}
