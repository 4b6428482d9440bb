import Contracts

/// The command line of `local-broker`.
struct LocalBrokerOptions: Equatable {
    struct Mistake: Error, Equatable {
        let reason: String
    }

    static let help = """
        local-broker [--address-file PATH] [--partitions N] [TOPIC ...]

        A Kafka broker in memory on a port of 127.0.0.1 that the system chooses, for trying the shop out.
        --address-file PATH  where to write host:port once it is ready; removed at the end
        --partitions N       of each topic; \(Topic.partitions) unless told
        TOPIC ...            the topics to make; those of the shop unless told
        """

    var addressFile: String?
    var partitions = Topic.partitions
    var topics: [String] = []
    var isHelpWanted = false

    init(arguments: some Sequence<String>) throws(Mistake) {
        var rest = arguments.makeIterator()
        while let argument = rest.next() {
            switch argument {
            case "--help", "-h":
                isHelpWanted = true
            case "--address-file":
                guard let path = rest.next() else { throw Mistake(reason: "--address-file needs a path") }
                addressFile = path
            case "--partitions":
                guard let number = rest.next().flatMap({ Int32($0) }), (1...1000).contains(number) else {
                    throw Mistake(reason: "--partitions needs a number from 1 to 1000")
                }
                partitions = number
            case let option where option.hasPrefix("-"):
                throw Mistake(reason: "there is no \(option)")
            default:
                topics.append(argument)
            }
        }
        if topics.isEmpty { topics = Topic.all.map(\.name) }
    }
}
