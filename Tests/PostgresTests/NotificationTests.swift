import Postgres
import TestSupport
import Testing

@Suite("Notifications")
struct NotificationTests {
    @Test func `what is said is heard, also what was said while nobody waited`() async throws {
        try await withConnection { listener in
            try await withConnection { speaker in
                try await listener.simple("LISTEN \"test.heard\"", timeout: .seconds(5))
                try await speaker.query(once("SELECT pg_notify('test.heard', $1)", "one"))
                var heard = try await listener.notifications(within: .seconds(30))
                async let later = listener.notifications(within: .seconds(30))
                try await speaker.query(once("SELECT pg_notify('test.heard', $1)", "two"))
                heard += try await later
                #expect(heard == ["one", "two"])
                #expect(try await listener.query(once("SELECT 1")).rowCount == 1)
            }
        }
    }

    @Test func `silence ends with the time given, and leaves the connection as it was`() async throws {
        try await withConnection { listener in
            try await listener.simple("LISTEN \"test.silence\"", timeout: .seconds(5))
            #expect(try await listener.notifications(within: .milliseconds(20)) == [])
            #expect(try await listener.query(once("SELECT 1")).rowCount == 1)
        }
    }

    @Test func `a listener learns that its connection was ended`() async throws {
        try await withConnection { listener in
            try await withConnection { other in
                let row = try #require(try await listener.query(once("SELECT pg_backend_pid()")).first)
                let pid = try row.int32(0)
                async let error = failure { _ = try await listener.notifications(within: .seconds(30)) }
                try await other.query(once("SELECT pg_terminate_backend($1)", pid))
                guard case .connectionLost = await error else {
                    Issue.record("not .connectionLost")
                    return
                }
            }
        }
    }
}
