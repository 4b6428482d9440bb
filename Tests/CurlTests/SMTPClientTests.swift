import Kernel
import Testing

@testable import Curl

@Suite("Sending mail")
struct SMTPClientTests {
    let mail = Mail(
        from: "shop@example.org", to: "ada@example.com", subject: "Your order is confirmed",
        text: "Hello,\n.\nyour order is on its way.", messageID: "7.confirmed@shop.example",
        time: Timestamp(unixMilliseconds: 1_795_262_401_102))

    @Test func `a mail arrives with its headers and every line`() async throws {
        let server = try MailServer()
        defer { server.stop() }
        let client = try SMTPClient(url: "smtp://127.0.0.1:\(server.port)")
        try await client.send(mail)
        let delivery = try #require(server.deliveries.first)
        #expect(delivery.from.hasPrefix("MAIL FROM:<shop@example.org>"))
        #expect(delivery.to.hasPrefix("RCPT TO:<ada@example.com>"))
        #expect(delivery.lines.contains("From: shop@example.org"))
        #expect(delivery.lines.contains("Message-ID: <7.confirmed@shop.example>"))
        #expect(delivery.lines.contains("Date: Sat, 21 Nov 2026 12:00:01 +0000"))
        // A lone dot would end the mail: on the wire it is doubled.
        #expect(delivery.lines.suffix(4) == ["", "Hello,", "..", "your order is on its way."])
    }

    @Test func `several mails share a connection`() async throws {
        let server = try MailServer()
        defer { server.stop() }
        let client = try SMTPClient(url: "smtp://127.0.0.1:\(server.port)")
        for _ in 0..<3 { try await client.send(mail) }
        #expect(server.deliveries.count == 3)
        #expect(server.connectionCount == 1)
    }

    @Test(arguments: [("451 later", 451, true), ("550 never", 550, false)])
    func `a refusal says whether to try again`(reply: String, code: Int, isRetriable: Bool) async throws {
        let server = try MailServer(replies: ["RCPT": reply])
        defer { server.stop() }
        let client = try SMTPClient(url: "smtp://127.0.0.1:\(server.port)")
        let error = await #expect(throws: CurlError.self) { try await client.send(mail) }
        #expect(error == .refused(code: code))
        #expect(error?.isRetriable == isRetriable)
        #expect(server.deliveries.isEmpty)
    }

    @Test func `a password isn't sent in the clear`() async throws {
        let server = try MailServer()
        defer { server.stop() }
        let client = try SMTPClient(url: "smtp://user:geheim@127.0.0.1:\(server.port)")
        await #expect(throws: CurlError.self) { try await client.send(mail) }
        #expect(server.deliveries.isEmpty)
    }

    @Test func `a server that isn't there is worth another try`() async throws {
        let client = try SMTPClient(url: "smtp://127.0.0.1:1")
        let error = await #expect(throws: CurlError.self) { try await client.send(mail) }
        #expect(error?.isRetriable == true)
    }

    @Test(arguments: [
        "", "ada", "@example.com", "ada@", "a@b@c", "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com\n",
        "Ada <ada@example.com>", "ada@example.com,eve@example.com", "a b@example.com", "ädå@example.com",
        String(repeating: "a", count: 251) + "@b.c",
    ])
    func `an address that could be more than one is refused`(address: String) async throws {
        var bad = mail
        bad.to = address
        #expect(throws: CurlError.invalid("a mail address")) { try bad.message() }
    }

    @Test func `a subject can't add a header`() throws {
        var bad = mail
        bad.subject = "x\r\nBcc: eve@example.com"
        let text = String(decoding: try bad.message(), as: UTF8.self)
        #expect(!text.contains("\r\nBcc"))
        bad = mail
        bad.messageID = "x>\r\nBcc: eve@example.com"
        #expect(throws: CurlError.self) { try bad.message() }
    }

    @Test func `other alphabets go through`() throws {
        var other = mail
        other.subject = "Grüße aus Köln"
        other.text = "Schöne Grüße = " + String(repeating: "ü", count: 60) + " \nEnde"
        let text = String(decoding: try other.message(), as: UTF8.self)
        #expect(text.utf8.allSatisfy { $0 < 0x80 })
        #expect(text.contains("Subject: =?utf-8?Q?=47=72=C3=BC=C3=9F=65"))
        #expect(text.contains("Content-Transfer-Encoding: quoted-printable"))
        #expect(text.contains("Sch=C3=B6ne Gr=C3=BC=C3=9Fe =3D "))
        #expect(text.contains("=20\r\nEnde\r\n"))
        let lines = text.split(separator: "\r\n")
        #expect(lines.allSatisfy { $0.utf8.count <= 78 })
    }

    @Test(arguments: ["http://x", "smtp:x", "", "smtp://x\r\n"])
    func `another kind of server is refused at once`(url: String) {
        #expect(throws: CurlError.self) { try SMTPClient(url: url) }
    }
}
