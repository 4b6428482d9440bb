import Curl
import HTTP
import Kernel
import Messaging
import Observability
import Postgres
import ServiceRuntime

/// The notifications service: what it is made of.
@main enum Main {
    static func main() async { await ServiceRuntime.run(service) }

    static let service = Service.shop(
        "notifications", summary: "tells customers what became of their orders, each thing once",
        httpPort: 8083,
        keys: NotificationKeys.table, prefixes: ["SMTP_"], migrations: notificationMigrations
    ) { core in
        let mails = try mailWorker(core)
        return ServiceParts(
            handler: NoticeCommandHandler(mails: mails, logger: core.logger),
            routes: NotificationRoutes(pool: core.pool).routes,
            workers: mails.map { mails in
                [Worker("mails", run: { await mails.run() }, stop: { mails.close() })]
            } ?? [],
            rules: notificationRules)
    }

    /// Nil without a mail server.
    private static func mailWorker(_ core: ServiceCore) throws -> MailWorker? {
        let url = core.configuration[NotificationKeys.smtpURL]
        guard !url.isEmpty else { return nil }
        let sender = core.configuration[NotificationKeys.smtpFrom]
        guard TextRule.acceptsAddress(sender) else {
            throw ConfigurationError("SMTP_FROM must be an address like shop@example.org")
        }
        return MailWorker(
            pool: core.pool, relay: core.relay,
            transports: try (0..<MailWorker.transportsMax).map { _ in try SMTPClient(url: url) },
            sender: sender,
            logger: core.logger)
    }
}
