extension [UInt8] {
    /// Appends a string as JSON has it: whatever isn't a control character, a quote or a backslash stays as it is.
    ///
    /// For those who write JSON piece by piece: the lines of the log, the problem documents, and the module JSON.
    package mutating func append(jsonString text: String) {
        append(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { utf8 in
            // Nearly all strings: copied in one go.
            let isPlain = utf8.allSatisfy {
                $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
            if isPlain { append(contentsOf: utf8) } else { append(escaping: utf8) }
        }
        append(UInt8(ascii: "\""))
    }

    private mutating func append(escaping bytes: some Sequence<UInt8>) {
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                append(UInt8(ascii: "\\"))
                append(byte)
            case UInt8(ascii: "\n"): append(contentsOf: "\\n".utf8)
            case 0..<0x20:
                append(contentsOf: (byte < 16 ? "\\u000" : "\\u00").utf8)
                append(contentsOf: String(byte, radix: 16).utf8)
            default: append(byte)
            }
        }
    }
}
