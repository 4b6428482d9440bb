/// How long a client wants to be kept waiting for a final answer (RFC 7240, `Prefer: wait=N`).
package struct WaitPreference: Hashable, Sendable {
    /// The longest wait any path grants.
    package static let secondsMax = 60

    /// 0 to `secondsMax`: what was asked for, or the most we grant.
    package let seconds: Int

    package var duration: Duration { .seconds(seconds) }
}

extension HTTPRequest {
    /// The wait the client asked for; nil when it didn't, or also asked for `respond-async`.
    ///
    /// What can't be read is ignored, as the RFC wants.
    package var preferredWait: WaitPreference? {
        var wait: WaitPreference?
        for field in headers.all("Prefer") {
            for preference in field.splitOutsideQuotes(",") {
                // What follows a semicolon is said of the preference, and is none itself.
                let value = preference.splitOutsideQuotes(";")[0]
                let parts = value.split(separator: "=", maxSplits: 1).map(\.trimmed)
                guard let name = parts.first else { continue }
                if name.equalsIgnoringCase("respond-async") { return nil }
                guard name.equalsIgnoringCase("wait"), parts.count == 2, wait == nil else { continue }
                let digits = parts[1].filter { $0 != "\"" }
                guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                    continue
                }
                // Too many digits for an Int are still a wish to wait long.
                let seconds = min(Int(digits) ?? WaitPreference.secondsMax, WaitPreference.secondsMax)
                wait = WaitPreference(seconds: seconds)
            }
        }
        return wait
    }

    /// Tells the server that the work is done and the handler only waits for something better to answer.
    ///
    /// From here on it has time for the wait, and doesn't count as a request that is being handled. It may be
    /// cancelled, since the service stops or too many wait, and then answers with what there is.
    package func beginWait(_ wait: WaitPreference) { waitBegins?(wait) }
}

extension StringProtocol {
    /// The parts between separators that stand in no quoted string, at least one.
    fileprivate func splitOutsideQuotes(_ separator: Character) -> [SubSequence] {
        var isQuoted = false
        var isEscaped = false
        return split(omittingEmptySubsequences: false) { character in
            defer { isEscaped = isQuoted && character == "\\" && !isEscaped }
            if character == "\"", !isEscaped { isQuoted.toggle() }
            return character == separator && !isQuoted
        }
    }
}

extension HTTPResponse {
    /// Says that the wait was honoured, and how long it could have been.
    package func applying(_ wait: WaitPreference) -> HTTPResponse {
        with("Preference-Applied", "wait=\(wait.seconds)")
    }
}
