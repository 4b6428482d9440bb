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
    package func alreadyHas(_ tag: ETag) -> Bool {
        headers.all("If-None-Match").contains { $0.names(tag, isWeak: true) }
    }

    /// Whether a change was decided on a version (`If-Match`) or on there being none (`If-None-Match`).
    package var isConditional: Bool { headers["If-Match"] != nil || headers["If-None-Match"] != nil }

    /// Refuses a change that was decided on something else than there is; one without conditions passes.
    ///
    /// - Parameter tag: the version that stands until the change is made; nil where there is nothing yet.
    /// - Throws: 412; the client reads the resource again and decides anew.
    package func requireMatch(_ tag: ETag?) throws(Problem) {
        let wanted = headers.all("If-Match")
        guard let tag else {
            guard wanted.isEmpty else {
                throw .preconditionFailed("There is nothing to change here. Leave `If-Match` out to make it.")
            }
            return
        }
        guard wanted.isEmpty || wanted.contains(where: { $0.names(tag, isWeak: false) }) else {
            throw .preconditionFailed(
                "It has changed since you read it. GET it again and repeat with its new ETag.", tag)
        }
        guard !alreadyHas(tag) else { throw .isThere(tag) }
    }
}

extension Problem {
    /// The 412 for what was to be made and is there already, in the version of `tag`.
    package static func isThere(_ tag: ETag? = nil) -> Problem {
        .preconditionFailed("It is there already. GET it, and change it with its ETag in `If-Match`.", tag)
    }

    fileprivate static func preconditionFailed(_ detail: String, _ tag: ETag? = nil) -> Problem {
        var problem = Problem(status: 412, detail: detail)
        if let tag { problem.headers.set("ETag", tag.text) }
        return problem
    }
}

extension HTTPResponse {
    /// The 304 in place of this 200, for a client that has what is in it.
    ///
    /// The body isn't sent, but its length is, which has to be the 200's (RFC 9110, 8.6).
    package var notModified: HTTPResponse {
        var answer = HTTPResponse(status: 304, body: body)
        for (name, value) in headers.fields where !name.equalsIgnoringCase("Content-Type") {
            answer.headers.append(name, value)
        }
        return answer
    }

    package func with(_ tag: ETag) -> HTTPResponse { with("ETag", tag.text) }
}

extension String {
    /// Whether a list of entity tags has this one, or stands for all.
    fileprivate func names(_ tag: ETag, isWeak: Bool) -> Bool {
        split(separator: ",").map(\.trimmed).contains { entry in
            entry == "*" || entry == tag.text
                || (isWeak && entry.hasPrefix("W/") && entry.dropFirst(2) == tag.text)
        }
    }
}
