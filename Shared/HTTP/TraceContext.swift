import Kernel

extension HTTPRequest {
    /// The client's W3C trace context; nil where there is none, or none of the form that version 00 has.
    package var traceparent: String? {
        headers["traceparent"].flatMap { TextRule.acceptsTraceparent($0) ? $0 : nil }
    }
}
