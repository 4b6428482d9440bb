import Kernel
import Messaging
import NotificationsDomain
import Observability
import Postgres

/// What carries a mail to the mail server.
protocol MailTransport: Sendable {
    /// Returns once the server has taken responsibility for the mail, within `MailWorker.deadline`.
    func send(_ mail: Mail) async throws(MailError)
}

/// Why a mail was not taken.
enum MailError: Error, Hashable {
    /// The server can't be reached or wants it later: try again.
    case later(String)
    /// The server will never take this one.
    case refused(String)
}

/// Sends what waits in the rows: each mail at least once, and practically once.
///
/// A crash between the server's yes and our commit sends a mail again, under the same Message-ID, by which mailboxes
/// recognise it. That is as good as it gets, since a mail server takes part in no transaction.
final class MailWorker: Sendable {
    /// The most mails on their way at a time.
    static let concurrencyMax = 8
    /// How long the server may take for one mail.
    static let deadline = Duration.seconds(20)
    /// How long a mail is ours; longer than any attempt can take.
    static let lease = Duration.seconds(60)
    /// How often the rows are looked through for what is due again, or was left behind by a crash.
    static let sweepInterval = Duration.seconds(2)
    /// The longest wait between two attempts at a mail.
    static let waitMax = Duration.seconds(300)

    private let pool: PostgresPool
    private let relay: OutboxRelay
    private let transport: any MailTransport
    private let sender: String
    private let logger: Logger
    private let wake = Signal()
    private let stop = StopFlag()

    /// - Parameter sender: the address mails come from.
    init(pool: PostgresPool, relay: OutboxRelay, transport: any MailTransport, sender: String, logger: Logger)
    {
        self.pool = pool
        self.relay = relay
        self.transport = transport
        self.sender = sender
        self.logger = logger
    }

    /// Says that a committed transaction has written mails.
    func mailsWaiting() { wake.wake() }

    /// Sends until `close()`; what is left then waits in the rows.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pulse(self.wake, every: Self.sweepInterval, until: self.stop) }
            await self.sending()
            group.cancelAll()
        }
    }

    /// Ends `run()` after the mails in hand.
    func close() {
        stop.set()
        wake.wake()
    }

    private func sending() async {
        var backoff = Backoff()
        while !stop.isSet {
            do {
                let count = try await sendDue(at: .now())
                backoff.reset()
                if count == 0 { await wake.wait() }
            } catch {
                logger.warning(
                    "mails not read, trying again",
                    metadata: [LogKey.error: "\(error)", LogKey.attempt: "\(backoff.attempt + 1)"])
                await stop.sleep(backoff.next())
            }
        }
    }

    /// Sends the next mails that are due, all at the same time.
    ///
    /// - Returns: how many were tried.
    func sendDue(at time: Timestamp) async throws -> Int {
        let mails = try await MailStore.lease(
            at: time, limit: Self.concurrencyMax, until: time.advanced(by: Self.lease), in: pool)
        await withTaskGroup(of: Void.self) { group in
            for mail in mails { group.addTask { await self.send(mail, at: time) } }
        }
        return mails.count
    }

    private func send(_ mail: PendingMail, at time: Timestamp) async {
        do {
            switch await attempt(mail) {
            case nil: try await markSent(mail)
            case .later(let reason):
                let next = time.advanced(by: Self.wait(after: mail.attempt))
                try await MailStore.postpone(mail, until: next, in: pool)
                logger.warning("mail not taken, trying again", metadata: metadata(mail, reason))
            case .refused(let reason):
                try await MailStore.refuse(mail, in: pool)
                logger.error("mail refused for good", metadata: metadata(mail, reason))
            }
        } catch {
            // The lease ends, and then it is tried again.
            logger.warning("outcome of a mail not stored", metadata: metadata(mail, "\(error)"))
        }
    }

    /// What kept the mail from being taken; nil if it was.
    private func attempt(_ mail: PendingMail) async -> MailError? {
        do throws(MailError) {
            try await transport.send(Mail(mail, from: sender))
            return nil
        } catch {
            return error
        }
    }

    private func markSent(_ mail: PendingMail) async throws {
        let isFirst = try await pool.transaction { transaction in
            let now = Timestamp.now()
            let isFirst = try await MailStore.markSent(mail, at: now, in: transaction)
            if isFirst { Outbox.append([try mail.event(at: now)], to: transaction) }
            return isFirst
        }
        guard isFirst else { return }
        relay.eventsWritten()
        logger.flow(.told, order: mail.orderID.description, mail.kind.rawValue, detail: "by mail")
    }

    /// One second after the first attempt, twice as long after each further one.
    static func wait(after attempt: Int) -> Duration {
        min(waitMax, .seconds(1 << min(max(attempt - 1, 0), 20)))
    }

    private func metadata(_ mail: PendingMail, _ reason: String) -> Logger.Metadata {
        [
            LogKey.orderID: mail.orderID.description, LogKey.eventType: mail.kind.rawValue,
            LogKey.attempt: "\(mail.attempt)", LogKey.error: reason,
        ]
    }
}
