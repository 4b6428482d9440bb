import Postgres
import TestSupport
import Testing

@Suite("Postgres configuration and errors")
struct ConfigurationTests {
    @Test func `the limits and settings hold in the session`() async throws {
        try await withConnection {
            $0.applicationName = "settings test"
            $0.statementTimeout = .milliseconds(1234)
            $0.idleInTransactionTimeout = .seconds(7)
            $0.lockTimeout = .milliseconds(321)
            $0.settings["synchronous_commit"] = "off"
            $0.settings["search_path"] = "pg_catalog, public"
        } _: { connection in
            for (name, value) in [
                ("statement_timeout", "1234ms"), ("idle_in_transaction_session_timeout", "7s"),
                ("lock_timeout", "321ms"), ("synchronous_commit", "off"),
                ("application_name", "settings test"),
            ] {
                let row = try await connection.query(once("SELECT current_setting($1)", name))[0]
                #expect(try row.string(0) == value)
            }
        }
    }

    @Test(arguments: ["postgres://me:secret@[broken", "postgres://me:secret%zz@127.0.0.1/x"])
    func `a URL that can't be read is an error without the URL in it`(url: String) async throws {
        let configuration = PostgresConfiguration(url: url, applicationName: "tests")
        let error = await failure {
            _ = try await PostgresConnection.connect(configuration, logger: RecordedLog().logger)
        }
        guard case .configuration = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(error?.description.contains("secret") == false)
        #expect(error?.description.contains("%25 for %") == true)
        #expect(!"\(configuration)".contains("secret"))
        #expect(!String(reflecting: configuration).contains("secret"))
    }

    @Test func `a server that isn't there is a transient error`() async throws {
        let configuration = PostgresConfiguration(url: "postgres://127.0.0.1:1/x", applicationName: "tests")
        let error = await failure {
            _ = try await PostgresConnection.connect(configuration, logger: RecordedLog().logger)
        }
        guard case .connectionFailed = error else {
            Issue.record("unexpected: \(String(describing: error))")
            return
        }
        #expect(error?.classification == .transient)
    }

    @Test(arguments: [
        ("08006", ErrorClassification.transient), ("40001", .transient), ("40P01", .transient),
        ("53300", .transient), ("55P03", .transient), ("57P01", .transient), ("57P03", .transient),
        ("57014", .transient), ("25P03", .transient), ("22001", .permanentRecord),
        ("22P02", .permanentRecord),
        ("23505", .permanentRecord), ("23514", .permanentRecord), ("40002", .permanentRecord),
        ("42P01", .permanentBuild), ("42501", .permanentBuild), ("42601", .permanentBuild),
        ("28P01", .permanentBuild), ("XX000", .permanentBuild), ("54000", .permanentRecord),
        ("54001", .permanentRecord), ("54011", .permanentBuild), ("54023", .permanentBuild),
    ])
    func `a SQLSTATE says what to do`(state: String, classification: ErrorClassification) {
        #expect(SQLState(rawValue: state).classification == classification)
    }
}
