import Dispatch
import Glibc

/// The signals that ask a service to stop.
enum Signals {
    /// The signals that come from now on; their default action, to end the process, is off from here on.
    static func stream(of numbers: [Int32] = [SIGTERM, SIGINT]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        let queue = DispatchQueue(label: "signals")
        // Unsafe only by name: Dispatch's objects may be used from any thread, which their types don't say.
        nonisolated(unsafe) let sources = numbers.map { number in
            // The default action would come before the source hears of it.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        // Also keeps the sources for as long as somebody listens.
        continuation.onTermination = { _ in for source in sources { source.cancel() } }
        return stream
    }
}
