import Glibc

/// Ends the process with `code`, without what `exit` would still have libraries do.
///
/// OpenSSL takes apart what the threads of connections that are just ending use: by `exit`, one call in some thousand ended
/// by a signal. What the caller has said through C's streams is lost unless it was flushed.
package func endProcess(_ code: Int32) -> Never { _exit(code) }
