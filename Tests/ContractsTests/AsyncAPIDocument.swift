import Contracts
import Foundation
import TestSupport

/// The AsyncAPI document, as far as tests hold it to the code; whether it is AsyncAPI is not asked here.
struct AsyncAPIDocument {
    struct NotADocument: Error {}

    private let json: JSONDocument
    private let channels: [[String: Any]]

    init(_ text: String) throws {
        json = try JSONDocument(Array(text.utf8))
        guard let channels = json.root["channels"] as? [String: [String: Any]] else { throw NotADocument() }
        self.channels = Array(channels.values)
    }

    /// Where it says something else than the code; empty where they agree.
    func complaints() throws -> [String] {
        try differences(Set(channels.map(described)), Set(Topic.all.map(described)))
            + differences(operations, Set(Topic.all.flatMap(operations(of:))))
            + Topic.all.flatMap { try complaints(about: $0) }
            + limit
    }

    private var limit: [String] {
        let description = json.value(at: "info/description") as? String ?? ""
        let words = "at most \(EventCoding.bytesMax) bytes"
        return description.contains(words) ? [] : ["the description does not say: \(words)"]
    }

    // MARK: Channels

    private func described(_ channel: [String: Any]) -> String {
        let kafka = json.object(json.object(channel["bindings"])["kafka"])
        let key = json.object(json.object(message(channel)["bindings"])["kafka"])["key"]
        return "\(address(channel)): \(kafka["partitions"] ?? 0) partitions, "
            + "\(Self.text(kafka["topicConfiguration"])), key \(Self.text(key))"
    }

    private func described(_ topic: Topic) -> String {
        let config: [String: Any] =
            switch topic.retention {
            case .days(let days): ["cleanup.policy": ["delete"], "retention.ms": days * 86_400_000]
            case .compacted: ["cleanup.policy": ["compact"]]
            }
        let key =
            switch topic.key {
            // That of the record that could not be handled.
            case _ where topic.isDeadLetters: "RecordKey"
            case .orderID: "Identifier"
            case .sku: "SKU"
            case .window: "WindowKey"
            }
        return "\(topic.name): \(Topic.partitions) partitions, "
            + "\(Self.text(config)), key \(Self.text(["allOf": [["$ref": "#/components/schemas/\(key)"]]]))"
    }

    private func address(_ channel: [String: Any]) -> String { channel["address"] as? String ?? "" }

    /// The one that a channel has; empty where there are more or none.
    private func message(_ channel: [String: Any]) -> [String: Any] {
        let messages = channel["messages"] as? [String: Any] ?? [:]
        return messages.count == 1 ? json.object(messages.first?.value) : [:]
    }

    // MARK: Operations

    private var operations: Set<String> {
        let operations = json.root["operations"] as? [String: [String: Any]] ?? [:]
        return Set(
            operations.values.map { operation in
                let services = (operation["tags"] as? [[String: String]] ?? []).compactMap { $0["name"] }
                let kafka = json.object(json.object(operation["bindings"])["kafka"])
                let group = json.object(kafka["groupId"])["enum"]
                return "\(services) \(operation["action"] ?? "") "
                    + "\(address(json.object(operation["channel"]))), group \(Self.text(group))"
            })
    }

    private func operations(of topic: Topic) -> [String] {
        ["\([topic.publisher]) send \(topic.name), group null"]
            + topic.consumers.map { "\([$0]) receive \(topic.name), group \(Self.text([$0]))" }
    }

    // MARK: Messages

    private func complaints(about topic: Topic) throws -> [String] {
        guard let channel = channels.first(where: { address($0) == topic.name }) else { return [] }
        let message = self.message(channel)
        let model: any Codable =
            try topic.isDeadLetters ? Self.deadLettered : GoldenTests.event(topic.name)
        let value = try JSONSerialization.jsonObject(with: Data(EventCoding.encode(model)))
        let tried = SchemaVariants(of: message["payload"], in: json, value: value, model: model)
        var complaints = headerComplaints(message["headers"], topic) + tried.complaints
        for variant in tried.variants {
            let isTaken = Self.isTaken(Array(Self.text(variant.value).utf8), like: model)
            guard isTaken != variant.isValid else { continue }
            complaints.append("\(variant.name): the code \(isTaken ? "takes" : "refuses") it")
        }
        let example = (message["examples"] as? [[String: Any]])?.first?["payload"]
        if Self.text(example) != Self.text(value) {
            complaints.append("the example is not the golden event")
        }
        return complaints.map { "\(topic.name): \($0)" }
    }

    /// As `kcat` may leave it, of which the document's example tells.
    private static let deadLettered = DeadLettered(
        topic: "orders.created", partition: 3, offset: 7, bytes: 8, errorClass: "contract",
        error: ContractError.missingHeader("ce_specversion").description, value: "bm9uc2Vuc2U=")

    private static func isTaken(_ json: [UInt8], like model: some Codable) -> Bool {
        func decodes<E: Event>(_: E) -> Bool { (try? EventCoding.decode(E.self, from: json)) != nil }
        if let event = model as? any Event { return decodes(event) }
        return (try? JSONDecoder().decode(type(of: model), from: Data(json))) != nil
    }

    // MARK: Headers

    private func headerComplaints(_ schema: Any?, _ topic: Topic) -> [String] {
        var written = CloudEventTests.full
        written.type = topic.name
        let all = Dictionary(uniqueKeysWithValues: written.headers.map { ($0.name, $0.value) })
        (written.causationID, written.traceparent) = (nil, nil)
        // The relay takes an order's id from the key.
        if topic.key != .orderID || topic.isDeadLetters { written.correlationID = nil }
        let parts = self.parts(schema)
        let properties = parts.flatMap { $0["properties"] as? [String: Any] ?? [:] }
        let required = Set(parts.flatMap { $0["required"] as? [String] ?? [] })
        var complaints =
            differences(Set(properties.map(\.key)), Set(all.keys))
            + differences(required, Set(written.headers.map { $0.name })).map { "required: \($0)" }
        for name in ["ce_specversion", "ce_type", "ce_source", "content-type"] {
            let words = properties.filter { $0.key == name }.map { json.object($0.value) }
                .flatMap { $0["enum"] as? [String] ?? [$0["const"] as? String].compactMap { $0 } }
            // The dead letters of all services are one message.
            let isRight = topic.isDeadLetters ? words.contains(all[name] ?? "") : words == [all[name] ?? ""]
            if !isRight { complaints.append("\(words) is not \(all[name] ?? "")") }
        }
        return complaints.map { "the header \($0)" }
    }

    /// The schemas that an `allOf` is made of, and those of its parts.
    private func parts(_ schema: Any?) -> [[String: Any]] {
        let schema = json.object(schema)
        return [schema] + (schema["allOf"] as? [Any] ?? []).flatMap(parts)
    }

    /// The same for the same value, in the words that a golden file has.
    static func text(_ value: Any?) -> String {
        let data = try? JSONSerialization.data(
            withJSONObject: value ?? NSNull(),
            options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data ?? Data(), as: UTF8.self)
    }
}

extension Topic {
    fileprivate var isDeadLetters: Bool { self == .deadLetters(of: publisher) }
}
