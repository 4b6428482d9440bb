import Kernel

/// The date of a mail's header (RFC 5322): `Sat, 21 Nov 2026 12:00:01 +0000`.
enum MailDate {
    static func text(of time: Timestamp) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        // 2026-11-21T12:00:01.102Z
        let text = time.description
        let date = text.prefix(10).split(separator: "-")
        let month = Int(date[1]).map { months[$0 - 1] } ?? ""
        // Day 0, the first of January 1970, was a Thursday.
        let weekday = days[Int((time.unixMilliseconds / 86_400_000) % 7 + 7) % 7]
        return "\(weekday), \(date[2]) \(month) \(date[0]) \(text.dropFirst(11).prefix(8)) +0000"
    }
}
