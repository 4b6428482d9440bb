import BlockingIO
import CCurl

/// Sends mails through one server, one at a time, on a thread of its own; the connection is kept between
/// mails.
package actor SMTPClient {
    private let executor: ThreadExecutor
    private let transfer: Transfer
    private let url: String

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// A client of the server at `url`: `smtp://host:25`, or `smtps://user:password@host:465` for TLS from
    /// the start.
    ///
    /// `smtp://` turns TLS on where the server offers it, and insists on it when there is a password to send.
    /// - Throws: when the URL is of another scheme, the system has no room for a thread, or libcurl doesn't
    ///   start.
    package init(url: String) throws {
        guard url.hasPrefix("smtp://") || url.hasPrefix("smtps://"), url.isOneLine else {
            throw CurlError.invalid("a mail server's URL begins with smtp:// or smtps://")
        }
        self.url = url
        executor = try ThreadExecutor(name: "smtp-client")
        transfer = try Transfer()
    }

    /// Hands a mail to the server.
    ///
    /// - Throws: `CurlError`. Where it `isRetriable`, send the same mail with the same id again, later; after
    ///   `timedOut` and `failed` the server may have taken it already.
    package func send(_ mail: Mail, timeout: Duration = .seconds(20)) throws(CurlError) {
        let message = try mail.message()
        transfer.reset(url: url, protocols: "smtp,smtps", timeout: timeout)
        transfer.set(CURLOPT_MAIL_FROM, "<\(mail.from)>")
        transfer.set(CURLOPT_MAIL_RCPT, ["<\(mail.to)>"])
        let security = url.contains("@") ? CURLUSESSL_ALL : CURLUSESSL_TRY
        transfer.set(CURLOPT_USE_SSL, Int(security.rawValue))
        transfer.send(message)
        _ = try transfer.perform(receivedMax: SMTPClient.replyBytesMax)
    }

    /// A mail server has nothing to say that we keep.
    private static let replyBytesMax = 65536
}
