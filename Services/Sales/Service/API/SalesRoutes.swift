import HTTP
import Kernel
import Messaging
import Postgres
import SalesDomain

/// The HTTP side of sales: what was sold, by minute, and what sold best lately.
struct SalesRoutes: Sendable {
    /// A day: the most minutes that are summed up for one answer.
    static let minutesMax = 1440

    let pool: PostgresPool

    var routes: [Route] {
        [
            Route(.get, "/v1/sales") { try await list($0) },
            Route(.get, "/v1/bestsellers") { try await best($0) },
            .apiDocument(PackageResources.openapi_json),
        ]
    }

    private func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let cursor = try request.cursor(parts: 2).map { cursor in
            guard let start = Timestamp(cursor.key[0]), TextRule.accepts(cursor.key[1], lengths: 1...64)
            else {
                throw Problem.notACursor
            }
            return (start: start, sku: cursor.key[1])
        }
        let page = try await WindowStore.list(below: cursor, limit: try request.limit(), in: pool)
        let next =
            page.isLast ? nil : page.sums.last.map { Cursor([$0.window.start.description, $0.sku]).text }
        return try .json(SumList(sales: page.sums.map(SumView.init), nextCursor: next))
    }

    private func best(_ request: HTTPRequest) async throws -> HTTPResponse {
        let text = request.query("minutes") ?? "15"
        guard let minutes = Int(text), (1...Self.minutesMax).contains(minutes) else {
            throw Problem.notMinutes
        }
        let limit = try request.limit(default: 10)
        let now = Timestamp.now()
        let first = SalesWindow.first(of: minutes, upTo: now)
        let best = try await WindowStore.best(from: first, until: now, limit: limit, in: pool)
        return try .json(BestSellerList(start: first.start, bestsellers: best))
    }
}
