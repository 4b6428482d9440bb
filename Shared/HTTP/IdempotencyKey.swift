extension HTTPRequest {
    /// The client's `Idempotency-Key`: 1 to 255 visible ASCII characters, quoted as the draft has it or bare.
    ///
    /// - Throws: 400, when it is missing, given twice or not of that form. Let it pass.
    package func idempotencyKey() throws(Problem) -> String {
        let fields = headers.all("Idempotency-Key")
        guard let field = fields.first else {
            throw .badRequest(
                "Send an `Idempotency-Key` header with a new unique value, such as a UUID; "
                    + "repeat the same value when you repeat this request.")
        }
        let text = field.trimmed
        let key = text.utf8.first == UInt8(ascii: "\"") ? HTTPRequest.unquoted(text) : String(text)
        guard fields.count == 1, let key, (1...255).contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw .badRequest(
                "The `Idempotency-Key` must be one value of 1 to 255 visible ASCII characters without spaces."
            )
        }
        return key
    }

    /// The text of a structured-field string: a backslash may stand before a quote or a backslash only.
    private static func unquoted(_ field: Substring) -> String? {
        guard field.utf8.count >= 2, field.utf8.last == UInt8(ascii: "\"") else { return nil }
        let text = field.unicodeScalars.dropFirst().dropLast()
        var result = String.UnicodeScalarView()
        var isEscaped = false
        for character in text {
            if isEscaped {
                guard character == "\"" || character == "\\" else { return nil }
                result.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                guard character != "\"" else { return nil }
                result.append(character)
            }
        }
        return isEscaped ? nil : String(result)
    }
}
