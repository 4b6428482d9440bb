import CCurl
import Glibc

/// A libcurl handle and what one transfer brings and takes.
///
/// Used by one thread at a time, that of the client's executor.
final class Transfer {
    private let handle: UnsafeMutableRawPointer
    private var lists: [UnsafeMutablePointer<curl_slist>] = []
    private var errorText = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))

    fileprivate var outgoing: [UInt8] = []
    /// How much of `outgoing` libcurl has taken.
    fileprivate var sentCount = 0
    fileprivate(set) var received: [UInt8] = []
    fileprivate(set) var headerLines: [String] = []
    fileprivate var receivedMax = 0
    fileprivate var isTooLarge = false

    private static let isLibraryReady = curl_global_init(Int(CURL_GLOBAL_ALL)) == CURLE_OK

    init() throws(CurlError) {
        guard Transfer.isLibraryReady, let handle = curl_easy_init() else {
            throw .failed(code: Int(CURLE_FAILED_INIT.rawValue), "libcurl did not start")
        }
        self.handle = handle
    }

    /// Closes the connections that are kept for the next transfer.
    deinit { curl_easy_cleanup(handle) }

    func set(_ option: CURLoption, _ value: String) { shop_curl_set_string(handle, option, value) }

    func set(_ option: CURLoption, _ value: Int) { shop_curl_set_number(handle, option, value) }

    /// A list of strings, which lives until the transfer is over.
    func set(_ option: CURLoption, _ values: [String]) {
        var list: UnsafeMutablePointer<curl_slist>?
        for value in values { list = curl_slist_append(list, value) ?? list }
        guard let list else { return }
        lists.append(list)
        shop_curl_set_list(handle, option, list)
    }

    /// Bytes to send: an HTTP body, or a mail with its headers.
    func send(_ bytes: [UInt8]) {
        outgoing = bytes
        set(CURLOPT_UPLOAD, 1)
        shop_curl_set_size(handle, CURLOPT_INFILESIZE_LARGE, curl_off_t(bytes.count))
    }

    /// Forgets the options and results of the transfer before; its connection stays.
    func reset(url: String, protocols: String, timeout: Duration) {
        curl_easy_reset(handle)
        outgoing = []
        sentCount = 0
        received = []
        headerLines = []
        isTooLarge = false
        set(CURLOPT_URL, url)
        set(CURLOPT_PROTOCOLS_STR, protocols)
        // What the shop speaks to are its own parts and its mail server: whatever http_proxy says, no proxy is between.
        set(CURLOPT_NOPROXY, "*")
        // Without it libcurl uses SIGALRM for name look-ups, which threads can't share.
        set(CURLOPT_NOSIGNAL, 1)
        let milliseconds = Int(timeout / .milliseconds(1))
        set(CURLOPT_TIMEOUT_MS, max(1, milliseconds))
        set(CURLOPT_CONNECTTIMEOUT_MS, max(1, min(milliseconds, 10_000)))
    }

    /// Runs the transfer; blocks this thread until it is over.
    ///
    /// - Returns: the status of the HTTP answer or of the last SMTP reply.
    func perform(receivedMax: Int) throws(CurlError) -> Int {
        self.receivedMax = receivedMax
        let context = Unmanaged.passUnretained(self).toOpaque()
        shop_curl_set_transfer(handle, CURLOPT_READFUNCTION, readCallback)
        shop_curl_set_pointer(handle, CURLOPT_READDATA, context)
        shop_curl_set_seek(handle, seekCallback)
        shop_curl_set_pointer(handle, CURLOPT_SEEKDATA, context)
        shop_curl_set_transfer(handle, CURLOPT_WRITEFUNCTION, writeCallback)
        shop_curl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        shop_curl_set_transfer(handle, CURLOPT_HEADERFUNCTION, headerCallback)
        shop_curl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        shop_curl_set_progress(handle, progressCallback)
        set(CURLOPT_NOPROGRESS, 0)
        let code = errorText.withUnsafeMutableBufferPointer { buffer in
            buffer[0] = 0
            shop_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, buffer.baseAddress)
            defer { shop_curl_set_pointer(handle, CURLOPT_ERRORBUFFER, nil) }
            return withExtendedLifetime(self) { curl_easy_perform(handle) }
        }
        for list in lists { curl_slist_free_all(list) }
        lists = []
        let status = shop_curl_response_code(handle)
        if code != CURLE_OK { throw error(code, status: status) }
        return status
    }

    private func error(_ code: CURLcode, status: Int) -> CurlError {
        let text = errorText.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let reason =
            text.isEmpty ? String(cString: curl_easy_strerror(code)) : String(decoding: text, as: UTF8.self)
        switch code {
        case CURLE_OPERATION_TIMEDOUT: return .timedOut
        case CURLE_ABORTED_BY_CALLBACK: return .cancelled
        case CURLE_WRITE_ERROR where isTooLarge: return .answerTooLarge
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: return .invalid(reason)
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR,
            CURLE_PEER_FAILED_VERIFICATION, CURLE_USE_SSL_FAILED:
            return .unreachable(reason)
        // Of HTTP a status never comes here: every answer is a success of the transfer.
        case _ where (400...599).contains(status): return .refused(code: status)
        default: return .failed(code: Int(code.rawValue), reason)
        }
    }
}

private let readCallback: shop_curl_transfer = { buffer, size, count, context in
    guard let buffer, let context else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    let piece = transfer.outgoing[transfer.sentCount...].prefix(size * count)
    piece.withUnsafeBytes { bytes in
        UnsafeMutableRawBufferPointer(start: buffer, count: size * count).copyMemory(from: bytes)
    }
    transfer.sentCount += piece.count
    return piece.count
}

/// libcurl begins anew when a connection that was kept turns out to be closed.
private let seekCallback: shop_curl_seek = { context, offset, origin in
    guard let context, origin == SEEK_SET else { return CURL_SEEKFUNC_CANTSEEK }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    guard (0...transfer.outgoing.count).contains(Int(offset)) else { return CURL_SEEKFUNC_FAIL }
    transfer.sentCount = Int(offset)
    return CURL_SEEKFUNC_OK
}

private let writeCallback: shop_curl_transfer = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
    guard transfer.received.count + piece.count <= transfer.receivedMax else {
        transfer.isTooLarge = true
        return 0
    }
    transfer.received.append(contentsOf: piece)
    return piece.count
}

private let headerCallback: shop_curl_transfer = { bytes, size, count, context in
    guard let bytes, let context else { return 0 }
    let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
    Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
        .headerLines.append(String(decoding: line, as: UTF8.self))
    return line.count
}

/// Called about once a second, and on the thread of the task that waits: its cancellation ends the transfer.
private let progressCallback: shop_curl_progress = { _, _, _, _, _ in Task.isCancelled ? 1 : 0 }
