import FoundationEssentials

/// The date of a mail's header (RFC 5322): `Sat, 21 Nov 2026 12:00:01 +0000`.
enum MailDate {
    static func text(unixSeconds: Int64) -> String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        // 2026-11-21T12:00:01Z
        let iso = Date(timeIntervalSince1970: TimeInterval(unixSeconds)).formatted(.iso8601)
        let date = iso.prefix(10).split(separator: "-")
        let month = Int(date[1]).map { months[$0 - 1] } ?? ""
        // Day 0, the first of January 1970, was a Thursday.
        let weekday = days[Int((unixSeconds / 86400) % 7 + 7) % 7]
        return "\(weekday), \(date[2]) \(month) \(date[0]) \(iso.dropFirst(11).prefix(8)) +0000"
    }
}
