internal import BlockingIO
internal import CPostgres
internal import Glibc
internal import Observability

extension Session {
    /// Connects, on the calling thread.
    ///
    /// libpq's own loop would round the time-out up to seconds and can't be interrupted, so this one is ours.
    /// What neither can interrupt is the look-up of the host's name.
    static func connect(
        _ configuration: PostgresConfiguration, interrupt: Interrupt, logger: Logger
    ) throws(PostgresError) -> Session {
        let deadline = ContinuousClock.now + configuration.connectTimeout
        let settings = try configuration.connectionSettings()
        let started = withCStrings(settings.map(\.keyword)) { keywords in
            withCStrings(settings.map(\.value)) { values in PQconnectStartParams(keywords, values, 0) }
        }
        guard let handle = started else { throw .connectionFailed("out of memory") }
        let notices = NoticeLog(logger)
        notices.receiveNotices(of: handle)
        do throws(PostgresError) {
            try finishConnecting(handle, interrupt: interrupt, deadline: deadline)
            guard PQsetnonblocking(handle, 1) == 0, PQenterPipelineMode(handle) == 1 else {
                throw .connectionFailed(oneLine(String(cString: PQerrorMessage(handle))))
            }
        } catch {
            PQfinish(handle)
            throw error
        }
        return Session(handle, interrupt: interrupt, notices: notices)
    }

    private static func finishConnecting(
        _ handle: OpaquePointer, interrupt: Interrupt, deadline: ContinuousClock.Instant
    ) throws(PostgresError) {
        // A connection that was just started behaves as if `PQconnectPoll` had asked to write.
        var step = PGRES_POLLING_WRITING
        while PQstatus(handle) != CONNECTION_BAD {
            let isReading = step == PGRES_POLLING_READING
            let remaining = max((deadline - .now).wholeMilliseconds, 0)
            // The socket may be another one after each call.
            let seen = cpg_wait(
                PQsocket(handle), isReading ? 1 : 0, isReading ? 0 : 1, interrupt.descriptor,
                Int32(clamping: remaining))
            if seen & CPG_INTERRUPTED != 0 { throw .cancelled }
            guard seen != 0 else {
                guard remaining > 0 else { throw .connectionFailed("the server did not answer in time") }
                continue
            }
            step = PQconnectPoll(handle)
            if step == PGRES_POLLING_OK { return }
        }
        throw .connectionFailed(oneLine(String(cString: PQerrorMessage(handle))))
    }
}

extension PostgresConfiguration {
    /// What libpq is given: our defaults, then what the URL says, then what isn't the URL's to decide.
    ///
    /// - Throws: `.configuration` without libpq's words, which quote the URL and with it the password.
    func connectionSettings() throws(PostgresError) -> [(keyword: String, value: String)] {
        guard let parsed = PQconninfoParse(url, nil) else {
            throw .configuration(
                "the connection URL can't be read: it is a postgres:// URL, in whose password %40 stands for @ "
                    + "and %25 for %, or key=value pairs")
        }
        defer { PQconninfoFree(parsed) }
        var settings = [
            "keepalives_idle": "5", "keepalives_interval": "1", "keepalives_count": "5",
            "tcp_user_timeout": String(callTimeout.wholeMilliseconds),
        ]
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { settings[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        settings["options"] = [options, settings["options"] ?? ""].joined(separator: " ")
        settings["application_name"] = applicationName
        settings["client_encoding"] = "UTF8"
        return settings.map { (keyword: $0.key, value: $0.value) }
    }
}

/// Lends the strings as C wants an array of them: each ended by a zero byte, the array by a null pointer.
private func withCStrings<R>(
    _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R
) -> R {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: copies.count + 1) {
        array in
        for (index, copy) in copies.enumerated() {
            array.initializeElement(at: index, to: UnsafePointer(copy))
        }
        array.initializeElement(at: copies.count, to: nil)
        guard let base = array.baseAddress else { preconditionFailure("the array has a last element") }
        return body(base)
    }
}
