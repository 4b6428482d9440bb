import Contracts
import FoundationEssentials
import Kernel

/// OpenTelemetry's protocol in JSON, as much of it as a trace needs, with its own names.
///
/// Source: open-telemetry/opentelemetry-proto `trace/v1/trace.proto`, and its `docs/specification.md`, "JSON Protobuf
/// Encoding": ids in hexadecimal, 64-bit numbers as strings. Attributes: semantic conventions for Kafka.
enum OTLP {
    struct TracesData: Codable, Equatable {
        var resourceSpans: [ResourceSpans]
    }

    struct ResourceSpans: Codable, Equatable {
        struct Resource: Codable, Equatable {
            var attributes: [KeyValue]
        }

        var resource: Resource
        var scopeSpans: [ScopeSpans]
    }

    struct ScopeSpans: Codable, Equatable {
        struct Scope: Codable, Equatable {
            var name: String
        }

        var scope: Scope
        var spans: [Span]
    }

    struct Span: Codable, Equatable {
        var traceId: String
        var spanId: String
        var parentSpanId: String?
        var name: String
        var kind: TraceSpan.Kind
        var startTimeUnixNano: String
        var endTimeUnixNano: String
        var attributes: [KeyValue]
    }

    struct KeyValue: Codable, Equatable {
        struct AnyValue: Codable, Equatable {
            var stringValue: String?
            var intValue: String?
        }

        var key: String
        var value: AnyValue

        init(_ key: String, _ text: String) {
            self.key = key
            value = AnyValue(stringValue: text)
        }

        init(_ key: String, _ number: Int64) {
            self.key = key
            value = AnyValue(intValue: String(number))
        }
    }
}

extension OTLP.TracesData {
    /// A resource for each service.
    init(_ trace: OrderTrace) {
        let spans = trace.spans
        resourceSpans = Topic.services.compactMap { service in
            let own = spans.filter { $0.service == service }
            guard !own.isEmpty else { return nil }
            return OTLP.ResourceSpans(
                resource: .init(attributes: [
                    .init("service.name", service), .init("service.namespace", "quadrille"),
                ]),
                scopeSpans: [
                    .init(scope: .init(name: "shop trace"), spans: own.map { OTLP.Span($0, in: trace) })
                ])
        }
    }

    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

extension OTLP.Span {
    fileprivate init(_ span: TraceSpan, in trace: OrderTrace) {
        let record = span.record
        var attributes: [OTLP.KeyValue] = [
            .init("messaging.system", "kafka"),
            .init("messaging.operation.type", span.operation),
            .init("messaging.operation.name", span.operation),
            .init("messaging.destination.name", record.topic.name),
            .init("messaging.destination.partition.id", "\(record.partition)"),
            .init("messaging.kafka.offset", record.offsets[0]),
            .init("messaging.kafka.message.key", record.envelope.subject),
            .init("messaging.message.id", record.envelope.id.description),
            .init("messaging.message.conversation_id", trace.order.description),
        ]
        if span.kind == .consumer { attributes.append(.init("messaging.consumer.group.name", span.service)) }
        self.init(
            traceId: trace.id, spanId: Self.hex(span.id), parentSpanId: span.parent.map(Self.hex),
            name: span.name, kind: span.kind, startTimeUnixNano: Self.nanoseconds(span.start),
            endTimeUnixNano: Self.nanoseconds(span.end), attributes: attributes)
    }

    private static func hex(_ id: UInt64) -> String {
        let digits = String(id, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func nanoseconds(_ time: Timestamp) -> String { "\(time.unixMicroseconds)000" }
}
