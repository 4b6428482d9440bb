import Contracts
import Curl
import HTTP
import Kernel
import Messaging
import NotificationsDomain
import Observability
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import NotificationsService

/// The service's parts in a schema of their own, without Kafka: what would go there is read from the outbox.
struct NotificationsUnderTest: Sendable {
    let pool: PostgresPool
    let mails: MailWorker
    let mailServer: PretendedMailServer
    let router: Router
    let log: RecordedLog

    static func run(_ body: (NotificationsUnderTest) async throws -> Void) async throws {
        try await ServiceHouse.run("notifications", notificationMigrations) { house in
            let (pool, relay, log) = (house.pool, house.relay, house.log)
            let mailServer = PretendedMailServer()
            let notifications = NotificationsUnderTest(
                pool: pool,
                mails: MailWorker(
                    pool: pool, relay: relay, transports: [mailServer, mailServer],
                    sender: "shop@example.org",
                    logger: log.logger),
                mailServer: mailServer,
                router: Router(routes: NotificationRoutes(pool: pool).routes, logger: log.logger), log: log)
            try await body(notifications)
        }
    }

    /// Handles a batch as the consumer does, offsets aside.
    @discardableResult
    func handle(_ messages: [IncomingEvent], byMail: Bool = false) async throws -> Handled {
        let handler = NoticeCommandHandler(mails: byMail ? mails : nil, logger: log.logger)
        let batch = messages.map { Incoming(event: .about($0.orderID), message: $0) }
        let handled = try await pool.transaction { transaction in
            let handled = try await handler.handle(batch, in: transaction)
            Outbox.append(handled.events, to: transaction)
            return handled
        }
        handled.afterCommit?()
        return handled
    }

    /// kind, status and attempts of all messages about an order.
    func messages(about id: Identifier) async throws -> [String] {
        let sql =
            "SELECT kind || ' ' || status || ' ' || attempts FROM message WHERE order_id = $1 ORDER BY version"
        return try await pool.query(PostgresStatement.once(sql)(id)).map { try $0.string(0) }
    }

    /// The payloads of what the service has said, in order.
    func said() async throws -> [String] {
        let sql = "SELECT payload FROM outbox WHERE topic = 'notifications.sent' ORDER BY seq"
        return try await pool.query(PostgresStatement.once(sql)()).map { try $0.string(0) }
    }

    func get(_ query: (name: String, value: String)...) async -> HTTPResponse {
        let request = HTTPRequest(.get, "/v1/notifications", query: query)
        let response = await router.respond(to: request)
        #expect(
            (try? APIDocument(PackageResources.openapi_json))?.complaints(about: request, response) == [])
        return response
    }
}

/// Takes mails, or not, as the test says.
final class PretendedMailServer: MailTransport {
    private let state = Mutex<(taken: [Mail], failure: CurlError?)>(([], nil))

    var taken: [Mail] { state.withLock { $0.taken } }

    /// What it answers from now on; nil is a yes.
    func answer(_ failure: CurlError?) { state.withLock { $0.failure = failure } }

    func deliver(_ mail: Mail) async throws(CurlError) {
        let failure = state.withLock { state in
            if state.failure == nil { state.taken.append(mail) }
            return state.failure
        }
        if let failure { throw failure }
    }
}

extension IncomingEvent {
    /// Something heard about an order of alice's.
    static func heard(
        _ message: NoticeMessage, about id: Identifier, email: String? = "alice@example.org"
    ) -> IncomingEvent {
        IncomingEvent(orderID: id, customerID: "alice", email: email, message: message)
    }
}

extension NoticeMessage {
    static let created = NoticeMessage.created(total: Money(amount: 4998, currency: .eur))
    static let confirmed = NoticeMessage.confirmed(total: Money(amount: 4998, currency: .eur))
}
