import Glibc
import Synchronization

/// The open connections, and by when each one's client must have done its part.
///
/// libmicrohttpd closes a connection on which nothing moves, so a client that moves a byte now and then could keep
/// one for ever. Here a head must be complete, and an answer read, by a fixed moment, however busy the client looks.
final class ConnectionTable: Sendable {
    private struct Place {
        /// Nil while the service is at work on a request, which has a deadline of its own.
        var deadline: ContinuousClock.Instant?
        /// Since when no request is under way; nil while one is.
        var idleSince: ContinuousClock.Instant?
    }

    /// By the socket's descriptor: libmicrohttpd closes it only after it has told us, so what is cut off here under
    /// the lock is never another's.
    private let places = Mutex<[Int32: Place]>([:])
    private let connectionsMax: Int

    /// How long a connection may be idle when others wait for its place.
    private static let idleMin: Duration = .seconds(1)

    init(connectionsMax: Int) { self.connectionsMax = connectionsMax }

    var count: Int { places.withLock { $0.count } }

    /// No request is under way; the next one's head must be complete within `time`.
    func isIdle(_ socket: Int32, next time: Duration) {
        let now = ContinuousClock.now
        places.withLock { $0[socket] = Place(deadline: now + time, idleSince: now) }
    }

    /// The client has until `deadline` to send the rest or to read the answer; nil while it has nothing to do.
    func isBusy(_ socket: Int32, until deadline: ContinuousClock.Instant?) {
        places.withLock { $0[socket] = Place(deadline: deadline) }
    }

    func closed(_ socket: Int32) { places.withLock { $0[socket] = nil } }

    /// Ends the connections whose clients are late, and where nearly all places are taken the longest idle ones too.
    ///
    /// The library finds their sockets shut down and closes them.
    func cutOff(at now: ContinuousClock.Instant) {
        places.withLock { places in
            for (socket, place) in places where place.deadline.map({ $0 < now }) ?? false {
                shutdown(socket, Int32(SHUT_RDWR))
            }
            let crowded = places.count - connectionsMax * 7 / 8
            guard crowded > 0 else { return }
            let idle = places.compactMap { socket, place in
                place.idleSince.map { (socket: socket, since: $0) }
            }.filter { now - $0.since > Self.idleMin }.sorted { $0.since < $1.since }
            for (socket, _) in idle.prefix(crowded + connectionsMax / 8) {
                shutdown(socket, Int32(SHUT_RDWR))
            }
        }
    }
}
