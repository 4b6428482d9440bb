/// What a caller of the pool is given.
enum PoolGrant: Sendable {
    /// A connection to use and give back.
    case use(PostgresConnection)
    /// The right to open one more connection, to be given back by `surrender` if that fails.
    case open
}

/// Who has which connection and who waits, without doing anything about it; the pool keeps it behind a lock.
struct PoolState {
    typealias Answer = Result<PoolGrant, PostgresError>
    typealias Waiter = CheckedContinuation<Answer, Never>

    let maxConnections: Int
    let maxWaiters: Int
    /// Connections that exist or are being opened, whoever has them.
    private(set) var open = 0
    private(set) var isClosed = false
    private(set) var backoff = Backoff()
    private var idle: [PostgresConnection] = []
    private var waiters: [(id: UInt64, waiter: Waiter)] = []
    private var waitersSoFar: UInt64 = 0
    private var closers: [CheckedContinuation<Void, Never>] = []

    init(maxConnections: Int, maxWaiters: Int) {
        self.maxConnections = maxConnections
        self.maxWaiters = maxWaiters
    }

    var waiting: Int { waiters.count }

    /// Connections that somebody has or opens.
    var inUse: Int { open - idle.count }

    /// What the caller can have at once; nil means that it has to queue.
    ///
    /// The connection used last comes first, as it is the least likely to have gone stale.
    mutating func take() -> Answer? {
        if isClosed { return .failure(.closed) }
        if waiters.isEmpty, let connection = idle.popLast() { return .success(.use(connection)) }
        if waiters.isEmpty, open < maxConnections {
            open += 1
            return .success(.open)
        }
        guard waiters.count >= maxWaiters else { return nil }
        return .failure(.overloaded("\(waiters.count) callers are waiting already"))
    }

    mutating func nextWaiterID() -> UInt64 {
        waitersSoFar += 1
        return waitersSoFar
    }

    /// Queues a waiter, unless something has become free meanwhile, which is then returned.
    mutating func enqueue(_ id: UInt64, _ waiter: Waiter) -> Answer? {
        if let answer = take() { return answer }
        waiters.append((id, waiter))
        return nil
    }

    /// Takes a waiter out of the queue, for the caller to resume; nil if it has been served.
    mutating func leave(_ id: UInt64) -> Waiter? {
        guard let position = waiters.firstIndex(where: { $0.id == id }) else { return nil }
        return waiters.remove(at: position).waiter
    }

    /// Takes a good connection back.
    ///
    /// - Returns: the waiter who has it now; false for `kept` when the pool is closed and the connection is
    ///   to be, too.
    mutating func giveBack(_ connection: PostgresConnection) -> (next: Waiter?, kept: Bool) {
        guard !isClosed else { return (nil, false) }
        guard waiters.isEmpty else { return (waiters.removeFirst().waiter, true) }
        idle.append(connection)
        return (nil, true)
    }

    /// A connection is gone or wasn't made: the right to open one passes to the next in the queue, to be
    /// resumed with `.open`.
    mutating func surrender() -> (next: Waiter?, closers: [CheckedContinuation<Void, Never>]) {
        if !isClosed, !waiters.isEmpty { return (waiters.removeFirst().waiter, []) }
        open -= 1
        guard isClosed, open == 0 else { return (nil, []) }
        defer { closers = [] }
        return (nil, closers)
    }

    mutating func noteConnectFailure(_ reason: String) { backoff.noteFailure(reason) }

    mutating func noteConnectSuccess() { backoff = Backoff() }

    /// Closes the pool.
    ///
    /// - Returns: the connections to be closed and then surrendered, and the waiters to be sent away.
    mutating func close() -> (idle: [PostgresConnection], waiters: [Waiter]) {
        isClosed = true
        defer { (idle, waiters) = ([], []) }
        return (idle, waiters.map(\.waiter))
    }

    /// Registers somebody who waits for the last connection to be closed; false if none is open.
    mutating func awaitEmpty(_ closer: CheckedContinuation<Void, Never>) -> Bool {
        guard open > 0 else { return false }
        closers.append(closer)
        return true
    }
}

/// When the next attempt to connect may be made, so that a server which comes back isn't met by all at once.
struct Backoff {
    static let first = Duration.milliseconds(50)
    static let longest = Duration.seconds(1)

    private(set) var notBefore = ContinuousClock.now
    /// Why the last attempt failed.
    private(set) var reason = ""
    private var failures = 0

    /// Half of the pause is fixed and half is random; it doubles with each failure in a row, up to `longest`.
    mutating func noteFailure(_ reason: String) {
        self.reason = reason
        let doubled = Backoff.first * (1 << min(failures, 10))
        failures += 1
        notBefore = .now + min(doubled, Backoff.longest) * Double.random(in: 0.5...1)
    }
}
