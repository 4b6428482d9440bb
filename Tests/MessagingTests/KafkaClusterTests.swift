import TestSupport
import Testing

@testable import Messaging

@Suite("Clusters a service may publish to")
struct KafkaClusterTests {
    private func cursors(_ house: MessagingHouse) async throws -> [String] {
        try await house.strings("SELECT cluster_id || ' ' || snapshot FROM outbox_cursor ORDER BY cluster_id")
    }

    /// What the operator is told, or nil where the cluster was admitted.
    private func refusal(_ id: String, _ policy: KafkaCluster.Policy, _ house: MessagingHouse) async throws
        -> String?
    {
        do {
            try await KafkaCluster(id: id).admit(policy: policy, pool: house.pool)
            return nil
        } catch let error as ClusterError {
            return error.description
        }
    }

    @Test func `the first one is taken, and again at each start`() async throws {
        try await MessagingHouse.with { house in
            #expect(try await refusal("one", .stop, house) == nil)
            try await house.run("UPDATE outbox_cursor SET snapshot = '7:7:'")
            #expect(try await refusal("one", .stop, house) == nil)
            #expect(try await cursors(house) == ["one 7:7:"], "its place is kept")
        }
    }

    @Test func `a second one waits for the operator, who is told what to do`() async throws {
        try await MessagingHouse.with { house in
            #expect(try await refusal("one", .stop, house) == nil)
            let words = try #require(try await refusal("two", .stop, house))
            #expect(words.contains("two") && words.contains("shop outbox rewind --all"))
            #expect(try await cursors(house) == ["one 1:1:"])
            try await house.withConnection {
                _ = try await Rewind.rewind(cluster: "two", to: nil, on: $0)
            }
            #expect(try await refusal("two", .stop, house) == nil, "the instruction was followed")
        }
    }

    @Test func `a second one is told everything where the service may rewind by itself`() async throws {
        try await MessagingHouse.with { house in
            #expect(try await refusal("one", .rewind, house) == nil)
            try await house.run("UPDATE outbox_cursor SET snapshot = '7:7:'")
            #expect(try await refusal("two", .rewind, house) == nil)
            #expect(try await cursors(house) == ["one 7:7:", "two 1:1:"])
        }
    }

    @Test func `a cursor of another database server is refused until it is rewound`() async throws {
        try await MessagingHouse.with { house in
            #expect(try await refusal("one", .rewind, house) == nil)
            try await house.run("UPDATE outbox_cursor SET system_id = '1'")
            for policy in KafkaCluster.Policy.allCases {
                let words = try #require(try await refusal("one", policy, house))
                #expect(words.contains("restored") && words.contains("shop outbox rewind --all"))
            }
            try await house.withConnection {
                _ = try await Rewind.rewind(cluster: "one", to: nil, on: $0)
            }
            #expect(try await refusal("one", .stop, house) == nil)
        }
    }

    @Test func `an address that leads to another cluster meanwhile is noticed`() throws {
        let cluster = KafkaCluster(id: "one")
        try cluster.requireSame(as: "one")
        #expect(throws: ClusterError.self) { try cluster.requireSame(as: "two") }
    }
}
