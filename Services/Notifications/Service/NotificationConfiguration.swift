import ServiceRuntime

/// The settings that notifications has beside the common ones.
enum NotificationKeys {
    static let smtpURL = ConfigurationKey.url(
        "SMTP_URL", schemes: ["smtp", "smtps"], default: "", isSecret: true,
        "the mail server, smtp://user:password@host:587; none: messages are stored and logged alone")
    static let smtpFrom = ConfigurationKey.text(
        "SMTP_FROM", default: "shop@example.org", "the address mails come from")

    static let table = [smtpURL.entry, smtpFrom.entry]
}
