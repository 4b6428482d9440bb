import Kafka
import Observability
import ShopHarness
import TestSupport
import Testing

extension SystemTests {
    @Suite("Members of a group") struct MembershipTests {
        private let shop: RunningShop

        init() throws { shop = try .current }

        /// A broker that was made anew is back before its topics, and static members are back at once: they are given
        /// what there is, and so is whoever comes under their names.
        @Test(.enabled(if: Self.canMakeTopics, "the local broker knows no static members"))
        func `one that was given nothing of a topic, since it was not there, asks again`() async throws {
            let word = freshWord()
            let topics = ["test.\(word).first", "test.\(word).second"]
            let configuration = KafkaConfiguration(
                bootstrapServers: shop.settings.bootstrapServers, clientID: "test")
            let logger = RecordedLog().logger
            func member() async throws -> KafkaConsumer {
                let member = try KafkaConsumer(
                    configuration: configuration, group: word, instanceID: word, topics: topics,
                    logger: logger)
                try await member.join()
                return member
            }
            func expectPartitions(_ count: Int, of member: KafkaConsumer) async throws {
                try await eventually("\(count) partitions are assigned", within: .seconds(10)) {
                    let poll = try? await member.poll(max: 1, timeout: .milliseconds(100))
                    guard case .assigned(let partitions) = poll else { return false }
                    let positions = partitions.map { ($0, KafkaConsumer.beginning) }
                    try await member.assign(Dictionary(uniqueKeysWithValues: positions))
                    return partitions.count == count
                }
            }
            try await KafkaAdmin.with(configuration, logger: logger) { admin in
                _ = try await admin.createTopics([TopicSpecification(name: topics[0], partitions: 3)])
                let early = try await member()
                try await expectPartitions(3, of: early)
                await early.close()
                _ = try await admin.createTopics([TopicSpecification(name: topics[1], partitions: 3)])

                let late = try await member()
                try await expectPartitions(6, of: late)

                await late.close()
                for topic in topics { try await admin.deleteTopic(topic) }
            }
        }

        private static var canMakeTopics: Bool { (try? Settings.fromEnvironment().brokerKind) == .apache }
    }
}
