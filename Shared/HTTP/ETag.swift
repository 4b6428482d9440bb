/// A strong entity tag made of a row's version: it changes whenever the resource does.
package struct ETag: Hashable, Sendable {
    /// With its quotes, as it stands in the header.
    package let text: String

    package init(version: Int64) { text = "\"\(version)\"" }
}

extension HTTPRequest {
    /// Whether the client already has this version (`If-None-Match`); answer `HTTPResponse.notModified` then.
    ///
    /// Compared weakly, as RFC 9110 has it for this header.
    package func alreadyHas(_ tag: ETag) -> Bool { headers.all("If-None-Match").contains { $0.names(tag) } }

    /// Refuses a change that was decided on another version (`If-Match`); a request without the header
    /// passes.
    ///
    /// - Throws: 412; the client reads the resource again and decides anew.
    package func requireMatch(_ tag: ETag) throws(Problem) {
        let conditions = headers.all("If-Match")
        guard conditions.isEmpty || conditions.contains(where: { $0.names(tag) }) else {
            throw Problem(
                status: 412,
                detail: "It has changed since you read it. GET it again and repeat with its new ETag.",
                headers: ["ETag": tag.text])
        }
    }
}

extension HTTPResponse {
    /// The 304 for a client that has this version.
    package static func notModified(_ tag: ETag) -> HTTPResponse {
        HTTPResponse(status: 304, headers: ["ETag": tag.text])
    }

    package func with(_ tag: ETag) -> HTTPResponse { with("ETag", tag.text) }
}

extension String {
    /// Whether a list of entity tags has this one, or stands for all.
    fileprivate func names(_ tag: ETag) -> Bool {
        split(separator: ",").map(\.trimmed).contains { entry in
            entry == "*" || entry == tag.text || (entry.hasPrefix("W/") && entry.dropFirst(2) == tag.text)
        }
    }
}
