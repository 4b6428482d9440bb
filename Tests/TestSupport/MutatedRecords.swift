import Foundation
package import Kafka
import Kernel

/// Records on a service's topics that no service of ours wrote.
package enum MutatedRecords {
    /// The released event of a topic, one line of JSON without its end.
    package static func golden(_ topic: String) throws -> [UInt8] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = tests.appending(path: "ContractsTests/Golden/\(topic).json")
        return [UInt8](try Data(contentsOf: file)).dropLast()
    }

    /// `count` records for each topic, the same for the same seed.
    ///
    /// Each begins as a good one of which something was changed: now and then nothing but spaces, so that some can be
    /// read.
    package static func make(of topics: [String], count: Int, seed: UInt64) throws -> [KafkaRecord] {
        var generator = SeededGenerator(seed: seed)
        return try topics.flatMap { topic in
            let golden = try golden(topic)
            return try (0..<count).map { offset in
                try record(topic, golden, offset: Int64(offset), using: &generator)
            }
        }
    }

    private static func record(
        _ topic: String, _ golden: [UInt8], offset: Int64, using generator: inout SeededGenerator
    ) throws -> KafkaRecord {
        var value: [UInt8]? = golden
        switch Int.random(in: 0..<10, using: &generator) {
        case 0: value = nil
        case 1: value = Mutation.noise(upTo: 400, using: &generator)
        case 2...4: value = Mutation.bytes(golden, using: &generator)
        case 5...8: value = try Mutation.json(golden, using: &generator)
        default: break
        }
        let object = value.flatMap { try? JSONSerialization.jsonObject(with: Data($0)) } as? [String: Any]
        let name = (object?["orderId"] ?? object?["sku"]) as? String ?? ""
        var key: [UInt8]? = Array(name.utf8)
        var headers: [(name: String, value: [UInt8])] = [
            ("ce_specversion", "1.0"), ("ce_id", "01890a5d-ac96-774b-bcce-b302099a8057"), ("ce_type", topic),
            ("ce_time", "2026-11-21T12:00:00.000Z"), ("ce_subject", name), ("ce_version", "1"),
        ].map { (name: $0, value: Array($1.utf8)) }
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: key = nil
        case 1: key = Mutation.noise(upTo: 60, using: &generator)
        case 2: headers.remove(at: Int.random(in: 0..<headers.count, using: &generator))
        case 3:
            let place = Int.random(in: 0..<headers.count, using: &generator)
            headers[place].value = Mutation.bytes(headers[place].value, using: &generator)
        default: break
        }
        return KafkaRecord(
            topic: topic, partition: 0, offset: offset, timestamp: 0, key: key, value: value,
            headers: headers)
    }
}
