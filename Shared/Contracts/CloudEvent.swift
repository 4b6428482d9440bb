package import Kernel

/// What every event carries beside its data: the CloudEvents 1.0 attributes, in Kafka's binary mode.
///
/// Source: cloudevents/spec `bindings/kafka-protocol-binding.md` and `extensions/correlation.md`. One header each,
/// `ce_` before the attribute's name; the data alone is the record's value.
package struct CloudEvent: Sendable, Equatable {
    /// UUIDv7, made once when the event is written to the outbox: a relay that repeats itself repeats this too.
    package var id: Identifier
    /// The topic's name.
    package var type: String
    /// When it happened, not when it was sent.
    package var time: Timestamp
    /// The record's key.
    package var subject: String
    /// The order whose dance this belongs to; nil where none does.
    package var correlationID: Identifier?
    /// The `id` of the event that caused this one; nil where a person or a clock did, and in `notifications.sent` of a
    /// mail, which goes out long after its cause was heard.
    package var causationID: Identifier?
    /// W3C trace context of the transaction that wrote the event.
    package var traceparent: String?
    /// The version of the row that changed: rises with each event of one key and one publisher, with gaps.
    package var version: Int64

    package init(
        id: Identifier, type: String, time: Timestamp, subject: String, correlationID: Identifier?,
        causationID: Identifier?, traceparent: String?, version: Int64
    ) {
        self.id = id
        self.type = type
        self.time = time
        self.subject = subject
        self.correlationID = correlationID
        self.causationID = causationID
        self.traceparent = traceparent
        self.version = version
    }
}

extension CloudEvent {
    /// The Kafka headers, in a fixed order.
    package var headers: [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = [
            ("ce_specversion", "1.0"), ("ce_id", id.description), ("ce_source", source), ("ce_type", type),
            ("ce_time", time.description), ("ce_subject", subject), ("ce_version", String(version)),
            ("content-type", "application/json"),
        ]
        if let correlationID { headers.append(("ce_correlationid", correlationID.description)) }
        if let causationID { headers.append(("ce_causationid", causationID.description)) }
        if let traceparent { headers.append(("traceparent", traceparent)) }
        return headers
    }

    /// `/shop/SERVICE`, from the part of the type before its dot.
    package var source: String { "/shop/" + type.prefix { $0 != "." } }

    /// Reads the headers of a record; unknown ones are ignored, as the specification asks, and so is a trace context of
    /// no valid form, as W3C asks.
    ///
    /// - Parameter header: the value of the last header of a name; nil where there is none.
    /// - Throws: `ContractError`, which sends the record to the dead letters.
    package init(header: (_ name: String) -> ArraySlice<UInt8>?) throws(ContractError) {
        func text(_ value: ArraySlice<UInt8>) -> String { String(decoding: value, as: UTF8.self) }
        func identifier(_ value: ArraySlice<UInt8>) -> Identifier? {
            value.withUnsafeBufferPointer { Identifier(utf8: $0) }
        }
        func required(_ name: String) throws(ContractError) -> ArraySlice<UInt8> {
            guard let value = header(name) else { throw .missingHeader(name) }
            return value
        }
        guard text(try required("ce_specversion")) == "1.0" else { throw .badHeader("ce_specversion") }
        guard let id = identifier(try required("ce_id")) else { throw .badHeader("ce_id") }
        guard let time = Timestamp(text(try required("ce_time"))) else { throw .badHeader("ce_time") }
        guard let version = Int64(header("ce_version").map(text) ?? "0") else {
            throw .badHeader("ce_version")
        }
        let subject = header("ce_subject").map(text) ?? ""
        guard TextRule.accepts(subject, lengths: 0...EventRule.textMax) else {
            throw .badHeader("ce_subject")
        }
        self.init(
            id: id, type: text(try required("ce_type")), time: time, subject: subject,
            correlationID: header("ce_correlationid").flatMap(identifier),
            causationID: header("ce_causationid").flatMap(identifier),
            traceparent: header("traceparent").map(text)
                .flatMap { TextRule.acceptsTraceparent($0) ? $0 : nil },
            version: version)
    }
}

/// Why a record is not an event of ours; it goes to the dead letters with these words.
package enum ContractError: Error, Equatable, CustomStringConvertible {
    case missingHeader(String)
    case badHeader(String)
    case unknownType(String, topic: String)
    case tooLarge(bytes: Int)
    case empty
    case undecodable(String)
    case keyMismatch

    package var description: String {
        switch self {
        case .missingHeader(let name): "the header \(name) is missing"
        case .badHeader(let name): "the header \(name) has no valid value"
        case .unknownType(let type, let topic):
            "events of type \(Self.quoted(type)) are not known on \(topic)"
        case .tooLarge(let bytes): "the value has \(bytes) bytes, more than \(EventCoding.bytesMax)"
        case .empty: "the value is empty"
        case .undecodable(let why): "the value is not this event: \(why)"
        case .keyMismatch: "the key is not the event's order id or SKU"
        }
    }

    /// The beginning of what somebody else has written.
    ///
    /// By scalars, since one character may have any number of them.
    private static func quoted(_ text: String) -> String {
        let head = text.unicodeScalars.prefix(100)
        return head.endIndex < text.endIndex ? "\(Substring(head))…" : text
    }
}
