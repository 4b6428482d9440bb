import Curl
import Kernel
import Messaging
import NotificationsDomain
import Observability
import Postgres

/// What carries mails to a mail server, one at a time.
protocol MailTransport: Sendable {
    /// Returns once the server has taken responsibility for the mail; gives up after `MailWorker.deadline`.
    func deliver(_ mail: Mail) async throws(CurlError)
}

extension SMTPClient: MailTransport {
    func deliver(_ mail: Mail) async throws(CurlError) { try send(mail, timeout: MailWorker.deadline) }
}

/// Sends what waits in the rows: each mail at least once, and practically once.
///
/// A crash between the server's yes and our commit sends a mail again, under the same Message-ID, by which mailboxes
/// recognise it. That is as good as it gets, since a mail server takes part in no transaction.
final class MailWorker: Sendable {
    /// Connections to the mail server, and so the most mails on their way at a time.
    static let transportsMax = 4
    /// How long the server may take for one mail.
    static let deadline = Duration.seconds(20)
    /// How long a mail is ours; longer than any attempt can take.
    static let lease = Duration.seconds(60)
    /// How often the rows are looked through for what is due again, or was left behind by a crash.
    static let sweepInterval = Duration.seconds(2)
    /// The longest wait between two attempts at a mail.
    static let waitMax = Duration.seconds(300)
    /// How often a server may say "never" before it is believed: after an hour or so, in which a person can correct a
    /// wrong password or sender.
    static let refusalsMax = 20

    private let pool: PostgresPool
    private let relay: OutboxRelay
    private let transports: [any MailTransport]
    private let sender: String
    private let logger: Logger
    private let wake = Signal()
    private let stop = StopFlag()

    /// A worker that gives each of `transports` one mail at a time, from the address `sender`.
    init(
        pool: PostgresPool, relay: OutboxRelay, transports: [any MailTransport], sender: String,
        logger: Logger
    ) {
        self.pool = pool
        self.relay = relay
        self.transports = transports
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

    /// Sends the next mails that are due at `time`, all at once.
    ///
    /// - Returns: how many were tried.
    func sendDue(at time: Timestamp) async throws -> Int {
        let mails = try await MailStore.lease(
            at: time, limit: transports.count, until: time.advanced(by: Self.lease), in: pool)
        await withTaskGroup(of: Void.self) { group in
            for (mail, transport) in zip(mails, transports) {
                group.addTask { await self.send(mail, by: transport, at: time) }
            }
        }
        return mails.count
    }

    private func send(_ mail: PendingMail, by transport: any MailTransport, at time: Timestamp) async {
        do {
            guard let failure = await attempt(mail, by: transport) else { return try await markSent(mail) }
            let refusals = mail.refusals + (failure.isNever ? 1 : 0)
            if Self.isFinal(failure, refusals: refusals) {
                try await MailStore.refuse(mail, at: .now(), in: pool)
                logger.error("mail given up", metadata: metadata(mail, failure))
            } else {
                let next = time.advanced(by: Self.wait(after: mail.attempt))
                try await MailStore.postpone(mail, until: next, refusals: refusals, in: pool)
                logger.warning("mail not taken, trying again", metadata: metadata(mail, failure))
            }
        } catch {
            // The lease ends, and then it is tried again.
            logger.warning("outcome of a mail not stored", metadata: metadata(mail, error))
        }
    }

    /// What kept the mail from being taken; nil if it was.
    private func attempt(_ mail: PendingMail, by transport: any MailTransport) async -> CurlError? {
        do throws(CurlError) {
            try await transport.deliver(Mail(mail, from: sender))
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

    /// Whether there is no use in trying again.
    ///
    /// A server that is away is asked for ever, and the time it is away gives nobody the chance to correct a password.
    ///
    /// - Parameter refusals: how often a server has said "never" to this mail, this time included.
    static func isFinal(_ failure: CurlError, refusals: Int) -> Bool {
        switch failure {
        case .invalid: true
        case .refused where failure.isNever: refusals >= refusalsMax
        case .refused, .unreachable, .timedOut, .answerTooLarge, .cancelled, .failed: false
        }
    }

    /// One second after the first attempt, twice as long after each further one.
    static func wait(after attempt: Int) -> Duration {
        min(waitMax, .seconds(1 << min(max(attempt - 1, 0), 20)))
    }

    private func metadata(_ mail: PendingMail, _ reason: any Error) -> Logger.Metadata {
        [
            LogKey.orderID: mail.orderID.description, LogKey.eventType: mail.kind.rawValue,
            LogKey.attempt: "\(mail.attempt)", LogKey.error: "\(reason)",
        ]
    }
}

extension CurlError {
    /// Whether a mail server said that it will never take this mail.
    fileprivate var isNever: Bool {
        if case .refused = self { !isRetriable } else { false }
    }
}
