import CMicroHTTPD

/// libmicrohttpd's access handler: finds or makes the exchange and passes the call on.
let accessHandler: MHD_AccessHandlerCallback = {
    context, connection, path, method, _, piece, pieceSize, exchangeSlot in
    guard let context, let connection, let path, let method, let pieceSize, let exchangeSlot else {
        return .NO
    }
    let core = Unmanaged<ServerCore>.fromOpaque(context).takeUnretainedValue()
    guard let held = exchangeSlot.pointee else {
        let head = HTTPRequest(
            HTTPMethod(String(cString: method)), withoutServer(String(cString: path)),
            query: query(of: connection),
            headers: headers(of: connection))
        let (exchange, result) = core.begin(connection, head: head)
        exchangeSlot.pointee = Unmanaged.passRetained(exchange).toOpaque()
        return result
    }
    let exchange = Unmanaged<Exchange>.fromOpaque(held).takeUnretainedValue()
    guard pieceSize.pointee > 0 else { return core.proceed(exchange) }
    let result = core.receive(exchange, UnsafeRawBufferPointer(start: piece, count: pieceSize.pointee))
    pieceSize.pointee = 0
    return result
}

/// Called once for every request whose access handler was called, also when the client has left.
let completedCallback: MHD_RequestCompletedCallback = { context, _, exchangeSlot, _ in
    guard let context, let exchangeSlot, let held = exchangeSlot.pointee else { return }
    let exchange = Unmanaged<Exchange>.fromOpaque(held).takeRetainedValue()
    exchangeSlot.pointee = nil
    Unmanaged<ServerCore>.fromOpaque(context).takeUnretainedValue().complete(exchange)
}

/// Called when a connection is taken and when it is about to be closed, before its descriptor is another's.
let connectionCallback: MHD_NotifyConnectionCallback = { context, connection, _, event in
    guard let context, let connection else { return }
    let core = Unmanaged<ServerCore>.fromOpaque(context).takeUnretainedValue()
    let socket = shop_http_socket(connection)
    if event == .CONNECTION_NOTIFY_STARTED {
        core.connections.isIdle(socket, next: core.configuration.headDeadline)
    } else {
        core.connections.closed(socket)
    }
}

/// The path alone, where a client sent all of the address (RFC 9112, section 3.2.2).
private func withoutServer(_ target: String) -> String {
    guard !target.hasPrefix("/"),
        let scheme = ["http://", "https://"].first(where: { target.prefix($0.count).equalsIgnoringCase($0) })
    else { return target }
    let rest = target.dropFirst(scheme.count)
    return rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? "/"
}

private func headers(of connection: OpaquePointer) -> HTTPHeaders {
    var headers: HTTPHeaders = [:]
    withUnsafeMutablePointer(to: &headers) { headers in
        _ = MHD_get_connection_values(
            connection, .HEADER_KIND,
            { context, _, name, value in
                guard let context, let name else { return .YES }
                let text = value.map { String(cString: $0) } ?? ""
                context.assumingMemoryBound(to: HTTPHeaders.self).pointee.append(String(cString: name), text)
                return .YES
            }, headers)
    }
    return headers
}

private func query(of connection: OpaquePointer) -> [(name: String, value: String)] {
    var query: [(name: String, value: String)] = []
    withUnsafeMutablePointer(to: &query) { query in
        _ = MHD_get_connection_values(
            connection, .GET_ARGUMENT_KIND,
            { context, _, name, value in
                guard let context, let name else { return .YES }
                let text = value.map { String(cString: $0) } ?? ""
                context.assumingMemoryBound(to: [(name: String, value: String)].self).pointee
                    .append((String(cString: name), text))
                return .YES
            }, query)
    }
    return query
}
