package import Kernel

/// A plain text mail to one person.
package struct Mail: Sendable {
    package var from: String
    package var to: String
    package var subject: String
    /// Lines may end as they like; they are sent with CR LF.
    package var text: String
    /// `order-confirmed.7@shop.example`, without angle brackets.
    ///
    /// The same mail sent again has the same, so that a mailbox can show it once.
    package var messageID: String
    /// For the `Date` header.
    package var time: Timestamp

    package init(
        from: String, to: String, subject: String, text: String, messageID: String, time: Timestamp
    ) {
        self.from = from
        self.to = to
        self.subject = subject
        self.text = text
        self.messageID = messageID
        self.time = time
    }

    /// The message as it goes over the wire (RFC 5322), without the dots that SMTP adds.
    ///
    /// - Throws: `CurlError.invalid` when an address or the id could smuggle a header in.
    func message() throws(CurlError) -> [UInt8] {
        guard TextRule.acceptsAddress(from), TextRule.acceptsAddress(to) else {
            throw .invalid("a mail address")
        }
        guard TextRule.acceptsAddress(messageID) else { throw .invalid("the mail's id") }
        let isPlain = text.utf8.allSatisfy {
            (0x20...0x7E).contains($0) || $0 == 0x0A || $0 == 0x0D || $0 == 0x09
        }
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let isShort = lines.allSatisfy { $0.utf8.count <= 998 }
        var out = """
            From: \(from)\r
            To: \(to)\r
            Subject: \(Mail.encodedWord(subject))\r
            Date: \(MailDate.text(of: time))\r
            Message-ID: <\(messageID)>\r
            MIME-Version: 1.0\r
            Auto-Submitted: auto-generated\r
            Content-Type: text/plain; charset=utf-8\r
            Content-Transfer-Encoding: \(isPlain && isShort ? "7bit" : "quoted-printable")\r
            \r

            """
        for line in lines { out += (isPlain && isShort ? String(line) : Mail.quotedPrintable(line)) + "\r\n" }
        return Array(out.utf8)
    }

    /// RFC 2047 for what isn't printable ASCII; a line end becomes part of the subject and never of the
    /// header.
    static func encodedWord(_ text: String) -> String {
        guard !text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) || text.utf8.count > 200 else {
            return text
        }
        var words: [String] = []
        var word = ""
        for character in text {
            let encoded = character.utf8.map(hex).joined()
            if word.utf8.count + encoded.utf8.count > 60, !word.isEmpty {
                words.append(word)
                word = ""
            }
            word += encoded
        }
        return (words + [word]).map { "=?utf-8?Q?\($0)?=" }.joined(separator: "\r\n ")
    }

    /// RFC 2045, section 6.7, for one line.
    static func quotedPrintable(_ line: some StringProtocol) -> String {
        var out = ""
        var width = 0
        for byte in line.utf8 {
            let isPlain = (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "=")
            // A space is written as it is, but for the one at the end of a line, which mail servers drop.
            let text = isPlain || byte == 0x20 ? String(UnicodeScalar(byte)) : hex(byte)
            if width + text.utf8.count > 75 {
                out += "=\r\n"
                width = 0
            }
            out += text
            width += text.utf8.count
        }
        return out.hasSuffix(" ") ? out.dropLast() + "=20" : out
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return byte < 16 ? "=0\(digits)" : "=\(digits)"
    }
}
