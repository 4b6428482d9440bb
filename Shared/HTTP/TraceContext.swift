extension HTTPRequest {
    /// The client's W3C trace context; nil where there is none, or none of the form that version 00 has.
    ///
    /// It travels with every event of the order, so nothing else may come in by this header.
    package var traceparent: String? {
        guard let text = headers["traceparent"] else { return nil }
        let bytes = Array(text.utf8)
        guard bytes.count == 55, bytes.starts(with: "00-".utf8) else { return nil }
        let areHex = bytes.indices.allSatisfy { index in
            if index == 2 || index == 35 || index == 52 { return bytes[index] == UInt8(ascii: "-") }
            return (0x30...0x39).contains(bytes[index]) || (0x61...0x66).contains(bytes[index])
        }
        return areHex ? text : nil
    }
}
