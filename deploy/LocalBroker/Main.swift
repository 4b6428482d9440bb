import Contracts
import Glibc
import Kafka

/// A Kafka broker in memory for trying the shop out without a cluster: librdkafka's mock cluster as a
/// process.
///
/// It always listens on a port of 127.0.0.1 that the system chose: librdkafka lets nobody else choose it. So
/// it says where it is, on standard output and in a file for scripts. Stop it with SIGTERM or ctrl-C; its
/// records are gone then.
@main struct Main {
    static func main() {
        // Before any other thread begins, so that all of them leave these two to `sigwait`.
        var stopSignals = sigset_t()
        sigemptyset(&stopSignals)
        sigaddset(&stopSignals, SIGTERM)
        sigaddset(&stopSignals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &stopSignals, nil)
        do {
            let options = try LocalBrokerOptions(arguments: CommandLine.arguments.dropFirst())
            guard !options.isHelpWanted else { return say(LocalBrokerOptions.help, to: STDOUT_FILENO) }
            try run(options, until: &stopSignals)
        } catch let error as LocalBrokerOptions.Mistake {
            say("local-broker: \(error.reason); --help lists the options", to: STDERR_FILENO)
            exit(64)
        } catch {
            say("local-broker: \(error)", to: STDERR_FILENO)
            exit(70)
        }
    }

    private static func run(_ options: LocalBrokerOptions, until stopSignals: inout sigset_t) throws {
        let cluster = try MockCluster(brokers: 1, logger: StandardErrorHandler.logger)
        defer { cluster.close() }
        for topic in options.topics { try cluster.createTopic(topic, partitions: options.partitions) }
        let address = cluster.bootstrapServers
        if let path = options.addressFile { try AddressFile.write(address, to: path) }
        defer { if let path = options.addressFile { unlink(path) } }
        say(
            "local broker ready at \(address), \(options.topics.count) topics, everything in memory",
            to: STDOUT_FILENO)
        var signal: Int32 = 0
        sigwait(&stopSignals, &signal)
    }
}

/// Where scripts read the broker's address.
enum AddressFile {
    struct Failure: Error, CustomStringConvertible {
        let path: String
        let code: Int32
        var description: String { "can't write \(path): errno \(code)" }
    }

    /// Writes beside the file and renames, so that who sees the file sees all of it.
    static func write(_ address: String, to path: String) throws(Failure) {
        let draft = "\(path).\(getpid())"
        let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw Failure(path: path, code: errno) }
        say(address, to: file)
        close(file)
        guard rename(draft, path) == 0 else {
            let code = errno
            unlink(draft)
            throw Failure(path: path, code: code)
        }
    }
}

/// Writes a line.
func say(_ line: String, to file: Int32) {
    let bytes = Array("\(line)\n".utf8)
    _ = write(file, bytes, bytes.count)
}
