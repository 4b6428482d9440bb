import CMicroHTTPD
import Glibc
import Synchronization

/// Sockets whose request was answered before its body was read.
///
/// Closing a socket with unread data resets the connection, and the reset can destroy the answer before the
/// client has read it. So a copy of the descriptor outlives the connection for a moment, and what still
/// arrives is dropped.
final class Linger: Sendable {
    /// Beyond this many at once a client may miss its refusal.
    private static let socketsMax = 64
    private static let timeMax: Duration = .seconds(1)
    /// How much is read and dropped at most.
    private static let bytesMax = 16_777_216

    private let count = Atomic<Int>(0)

    /// Sends an answer that libmicrohttpd wouldn't take.
    ///
    /// The socket's buffer is empty, so a short answer fits at once.
    func send(_ response: HTTPResponse, to socket: Int32) {
        var text = "HTTP/1.1 \(response.status) Refused\r\nConnection: close\r\n"
        for (name, value) in response.headers.fields { text += "\(name): \(value)\r\n" }
        text += "Content-Length: \(response.body.count)\r\n\r\n"
        let bytes = Array(text.utf8) + response.body
        _ = Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Ends our half of a connection and keeps it until the client has ended its own, or for `timeMax`.
    func keep(_ socket: Int32) {
        guard socket >= 0, count.load(ordering: .relaxed) < Linger.socketsMax else { return }
        let copy = dup(socket)
        guard copy >= 0 else { return }
        count.add(1, ordering: .relaxed)
        shutdown(copy, Int32(SHUT_WR))
        // Not structured, as it begins in a C callback; it ends by itself.
        Task {
            await Linger.drop(copy)
            close(copy)
            count.subtract(1, ordering: .relaxed)
        }
    }

    private static func drop(_ socket: Int32) async {
        let end = ContinuousClock.now + timeMax
        var buffer = [UInt8](repeating: 0, count: 16384)
        var total = 0
        while ContinuousClock.now < end, total < bytesMax {
            let received = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            total += max(received, 0)
            if received > 0 { continue }
            if shop_http_peer_left(socket) != 0 { return }
            do { try await Task.sleep(for: .milliseconds(5)) } catch { return }
        }
    }
}
