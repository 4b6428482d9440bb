import Glibc
import ShopHarness
import TestSupport

/// How soon the shop works again.
extension Trial {
    /// Waits until an order that was placed after `since` is confirmed, and fails when that took too long.
    ///
    /// - Parameters:
    ///   - since: when the fault was over.
    ///   - limit: in seconds; at a low rate, the wait for the next orders comes on top.
    func expectProgress(since: WallTime, within limit: Double, after what: String) async throws {
        let limit = granted(limit) + (options.rate > 0 ? 4 / options.rate : 0)
        let from = since.sql
        var micros: Int64 = -1
        do {
            try await eventually("an order is confirmed", within: .seconds(60)) {
                micros = try await lasting {
                    try await shop.books.number(
                        """
                        SELECT coalesce(extract(epoch FROM min(updated_at) - \(from)) * 1000000, -1)::bigint
                        FROM orders.orders WHERE created_at > \(from) AND status = 'confirmed'
                        """)
                }
                return micros >= 0
            }
        } catch is NotInTime {
            return report.fail("no order was confirmed in 60 s after \(what)")
        }
        let seconds = Double(micros) / 1e6
        report.tally.most("ms to the first order, at most", Int(micros / 1000))
        report.expect(seconds <= limit, "\(what): the first order took \(seconds) s, not \(limit)")
    }

    /// Repeats a look at Postgres while it is away.
    func lasting<Value>(_ body: () async throws -> Value) async throws -> Value {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do { return try await body() } catch {
                guard ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// Events of a service that its relay has not published, on the cluster in use.
    func unpublished(_ service: ServiceName) async throws -> Int64 {
        try await lasting {
            try await shop.books.number(
                """
                SELECT count(*) FROM \(service).outbox,
                    (SELECT snapshot FROM \(service).outbox_cursor ORDER BY moved_at DESC LIMIT 1) AS cursor
                WHERE xid >= pg_snapshot_xmin(snapshot) AND NOT pg_visible_in_snapshot(xid, snapshot)
                """)
        }
    }

    /// The number of terms that relays of a service have had so far.
    func epoch(_ service: ServiceName) async throws -> Int64 {
        try await lasting {
            try await shop.books.number("SELECT coalesce(max(epoch), 0) FROM \(service).outbox_cursor")
        }
    }
}

/// A moment by the clock that Postgres and the services have, too.
struct WallTime: Sendable {
    /// Since 1970.
    let microseconds: Int64

    static var now: WallTime {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return WallTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    var sql: String { "to_timestamp(\(microseconds) / 1e6)" }
}
