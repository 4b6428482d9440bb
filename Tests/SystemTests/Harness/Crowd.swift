import Glibc
import ShopHarness

/// Many clients of one kind on one thread, none of which waits for another.
struct Crowd: ~Copyable {
    /// What each of them does.
    struct Habit: Sendable {
        /// Sent once, when the connection is there.
        var opening = ""
        /// Sent after that, every `pause`; with a pause of zero, as much as the other side takes.
        var more: [UInt8] = []
        var pause: Duration = .milliseconds(300)
        /// Ends its own half after the opening.
        var halfCloses = false
        var reads = true
    }

    /// What became of them so far.
    struct Report: Sendable {
        var connected = 0
        /// Connections that the other side ended, or broke off.
        var ended = 0
        /// By the first line of the answer, those that got one and read.
        var answers: [String: Int] = [:]
    }

    private enum State { case connecting, open, ended }

    private(set) var report = Report()
    private let habit: Habit
    private var sockets: [pollfd] = []
    private var states: [State] = []
    private var next = ContinuousClock.now

    /// Begins `count` connections without waiting for any.
    init(_ count: Int, of port: Int, _ habit: Habit) throws {
        self.habit = habit
        for _ in 0..<count {
            sockets.append(pollfd(fd: try Self.connecting(to: port), events: Int16(POLLOUT), revents: 0))
            states.append(.connecting)
        }
    }

    deinit { for socket in sockets where socket.fd >= 0 { close(socket.fd) } }

    /// Does what they do, until it is enough or nobody is left.
    mutating func go(until isEnough: (Report) -> Bool) {
        while !isEnough(report), report.ended < sockets.count {
            poll(&sockets, nfds_t(sockets.count), 20)
            let isTime = ContinuousClock.now >= next
            if isTime { next = .now + habit.pause }
            for index in sockets.indices where states[index] != .ended { step(index, mayDrip: isTime) }
        }
    }

    private mutating func step(_ index: Int, mayDrip: Bool) {
        let (socket, events) = (sockets[index].fd, Int32(sockets[index].revents))
        if states[index] == .connecting {
            guard events & (POLLOUT | POLLERR | POLLHUP) != 0 else { return }
            guard send(Array(habit.opening.utf8), to: socket, isMore: false) else { return end(index) }
            report.connected += 1
            states[index] = .open
            if habit.halfCloses { shutdown(socket, Int32(SHUT_WR)) }
            sockets[index].events = habit.reads ? Int16(POLLIN) : 0
        }
        if !habit.more.isEmpty, mayDrip, !send(habit.more, to: socket, isMore: true) { return end(index) }
        if habit.reads, events & POLLIN != 0, !read(socket) { return end(index) }
        if events & (POLLERR | POLLHUP) != 0 { end(index) }
    }

    private mutating func end(_ index: Int) {
        close(sockets[index].fd)
        sockets[index].fd = -1
        states[index] = .ended
        report.ended += 1
    }

    /// False where the connection is broken; that there is no room now is no harm.
    private func send(_ bytes: [UInt8], to socket: Int32, isMore: Bool) -> Bool {
        while true {
            let sent = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            if sent < 0 { return errno == EAGAIN }
            guard isMore, habit.pause == .zero, !bytes.isEmpty, sent == bytes.count else { return true }
        }
    }

    private mutating func read(_ socket: Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count < 0 { return errno == EAGAIN }
        let line = buffer[0..<max(0, count)].prefix { $0 != UInt8(ascii: "\r") }
        if line.starts(with: "HTTP/1.1 ".utf8) {
            report.answers[String(decoding: line.dropFirst(9), as: UTF8.self), default: 0] += 1
        }
        return count > 0
    }

    private static func connecting(to port: Int) throws -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw NoAnswer(reason: "no socket, error \(errno)") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 || errno == EINPROGRESS else {
            let code = errno
            close(descriptor)
            throw NoAnswer(reason: "no connection to \(port), error \(code)")
        }
        return descriptor
    }
}
