import Contracts
import Kafka
import Observability
import TestSupport
import Testing

@testable import Messaging

/// Positions that a partition doesn't have, or has no longer.
extension EventConsumerTests {
    /// Three records were handled, and `consumer_offset` says five: two that the log had are gone.
    private func handleThree(of house: MessagingHouse, _ kafka: MockKafka) async throws {
        try await kafka.send(try ["a", "b", "c"].map { try OrderCancelled(by: $0).record })
        try await running(consumer(house, kafka, EffectHandler())) { try await awaitEffects(3, house) }
        try await house.run("UPDATE consumer_offset SET next = 5 WHERE next = 3")
    }

    private var shorter: String { "kafka has less of a partition than was handled" }

    @Test func `a log shorter than what was handled is read again before it has regrown`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                try await handleThree(of: house, kafka)
                // The member can't ask for the ends, and hears of it by the first fetch.
                try kafka.cluster.failNext(request: 2, codes: [29])
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await eventually("out of range") {
                        house.log.lines.contains {
                            $0.message == "consumer interrupted, joining again"
                                && $0.metadata[LogKey.error]?.contains("out of range") ?? false
                        }
                    }
                    try await kafka.send(try ["d", "e", "f", "g"].map { try OrderCancelled(by: $0).record })
                    try await awaitEffects(7, house)
                }
                #expect(try await house.number("SELECT count(*) FROM delivery") == 3 + 7)
                #expect(house.log.lines.contains { $0.message == "ends of partitions not known" })
                #expect(house.log.lines.filter { $0.message.hasPrefix(shorter) }.count == 1)
            }
        }
    }

    @Test func `a log shorter than what was handled is noticed when it is assigned`() async throws {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                try await handleThree(of: house, kafka)
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await eventually("all is heard again") {
                        try await house.number("SELECT max(next) FROM consumer_offset") == 3
                    }
                }
                #expect(try await house.number("SELECT count(*) FROM delivery") == 3 + 3)
                #expect(house.log.lines.filter { $0.message.hasPrefix(shorter) }.count == 1)
                #expect(!house.log.lines.contains { $0.message == "consumer interrupted, joining again" })
            }
        }
    }

    @Test func `a partition that lost records before they were handled stands still, and no other`()
        async throws
    {
        try await MessagingHouse.with { house in
            try await MockKafka.with(house) { kafka in
                try await kafka.send(try ["a", "b", "c"].map { try OrderCancelled(by: $0).record })
                try await running(consumer(house, kafka, EffectHandler())) {
                    try await awaitEffects(3, house)
                }
                // The mock cluster keeps 5 MB.
                try await kafka.send(
                    try (0..<8).map { _ in
                        var record = try OrderCancelled(by: "unread").record
                        record.value = (0..<900_000).map { _ in .random(in: 0...255) }
                        return record
                    })
                let registry = PrometheusCollectorRegistry()
                func outOfRange() -> Double {
                    MetricsText(registry).sum("consumer_partitions_out_of_range")
                }
                try await running(consumer(house, kafka, EffectHandler(), registry)) {
                    try await eventually("the loss is told") { outOfRange() == 1 }
                    var other = try OrderCancelled(by: "d").record
                    other.partition = 1
                    try await kafka.send([other])
                    try await awaitEffects(4, house)
                    #expect(outOfRange() == 1)
                    #expect(!house.log.lines.contains { $0.message == "consumer interrupted, joining again" })
                    let clusters = try await house.strings("SELECT DISTINCT cluster_id FROM consumer_offset")
                    _ = try await house.withConnection {
                        try await Rewind.rewindOffsets(cluster: try #require(clusters.first), on: $0)
                    }
                    try await eventually("what is left is read") {
                        try await house.number("SELECT max(next) FROM consumer_offset") == 3 + 8
                    }
                }
                #expect(outOfRange() == 0)
                #expect(MetricsText(registry).sum("consumer_interruptions_total") == 1)
                let told = house.log.lines.filter { $0.message.hasPrefix("records were deleted") }
                #expect(told.count == 1)
            }
        }
    }
}
