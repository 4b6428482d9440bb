import Contracts
import Kafka
import Kernel
import Messaging
import Postgres

/// `shop doctor`: looks at each part the shop needs, and says what to do about what is wrong.
enum DoctorCommand {
    static let doctor = Command(
        verb: nil, summary: "check what the shop needs and say what to do about what is wrong", options: [.json],
        details: "Exits with 1 when something is wrong.",
        run: { arguments, shop in
            var report = DoctorReport()
            await Diagnosis.ofDatabase(shop, &report)
            await Diagnosis.ofKafka(shop, &report)
            for service in Shop.services { await Diagnosis.ofService(service, shop, &report) }
            shop.console.show(report.table, asJSON: arguments.has("--json"))
            return report.isHealthy ? .success : .failure
        })
}

/// The findings so far.
struct DoctorReport: Sendable {
    private(set) var table = Table("check", "state", "found")
    private(set) var isHealthy = true

    mutating func fine(_ check: String, _ found: String) { table.add(.text(check), .text("ok"), .text(found)) }

    /// - Parameter remedy: what is wrong, and after a colon what to do about it.
    mutating func wrong(_ check: String, _ remedy: String) {
        table.add(.text(check), .text("FAIL"), .text(remedy))
        isHealthy = false
    }

    mutating func note(_ check: String, _ found: String) { table.add(.text(check), .text("note"), .text(found)) }
}

/// The checks of `shop doctor`, each on its own feet: one that fails doesn't hide the others.
enum Diagnosis {
    /// Two clocks further apart than this make a deadline wrong by as much.
    private static let clockSkewMax = Duration.seconds(1)

    // MARK: - Postgres

    static func ofDatabase(_ shop: Shop, _ report: inout DoctorReport) async {
        do {
            let (facts, lines) = try await shop.withDatabase { connection in
                (try await DatabaseFacts.read(connection), try await schemaLines(connection))
            }
            facts.server >= 150_000
                ? report.fine("postgres", "version \(facts.server / 10_000), database \(facts.database)")
                : report.wrong("postgres", "version \(facts.server / 10_000): the shop needs 15 or later")
            let skew = facts.clock.since(.now())
            skew < clockSkewMax && skew > .zero - clockSkewMax
                ? report.fine("clocks", "this machine's and Postgres's agree")
                : report.wrong("clocks", "Postgres's differs by \(skew / .seconds(1)) s: set both by NTP")
            let missing = Roles.names.filter { !facts.roles.contains($0) }
            missing.isEmpty
                ? report.fine("roles", Roles.names.joined(separator: ", "))
                : report.wrong("roles", "\(missing.joined(separator: ", ")) missing: run `shop setup`")
            if let reach = facts.reaches.first {
                report.wrong("fences", "\(reach): run `shop setup`")
            } else if missing.isEmpty {
                report.fine("fences", "no role reaches another's schema")
            }
            for line in lines { line.isFine ? report.fine(line.check, line.text) : report.wrong(line.check, line.text) }
        } catch {
            report.wrong("postgres", "\(explain(error, shop.settings)): is it running, and DATABASE_URL right?")
        }
    }

    private static let migrations = PostgresStatement.once(
        "SELECT name, number FROM migration ORDER BY number DESC LIMIT 1")
    private static let parked = PostgresStatement.once("SELECT count(*) FROM dead_letter WHERE state = 'parked'")

    private static func schemaLines(
        _ connection: PostgresConnection
    ) async throws -> [(check: String, isFine: Bool, text: String)] {
        var lines: [(String, Bool, String)] = []
        for schema in Roles.names {
            try await connection.simple("SET search_path = \(schema)", timeout: .seconds(5))
            do {
                guard let row = try await connection.query(migrations()).first else {
                    lines.append(("schema \(schema)", false, "is empty: run `shop setup`"))
                    continue
                }
                lines.append(
                    ("schema \(schema)", true, "\(try row.int32(1)) migrations, the last `\(try row.string(0))`"))
            } catch let error as PostgresError where error.sqlState == .undefinedTable {
                lines.append(("schema \(schema)", false, "has no tables: run `shop setup`"))
                continue
            }
            guard schema != "gateway" else { continue }
            let letters = try await connection.query(parked())[0].int64(0)
            if letters > 0 {
                lines.append(("dead letters", false, "\(letters) of \(schema): see `shop dead-letters list`"))
            }
        }
        return lines
    }

    // MARK: - Kafka

    static func ofKafka(_ shop: Shop, _ report: inout DoctorReport) async {
        do {
            let (cluster, topics) = try await shop.withKafka { admin in
                (try await admin.clusterID(timeout: Shop.brokerTimeout), try await admin.topics(timeout: Shop.brokerTimeout))
            }
            report.fine("kafka", "cluster \(cluster) at \(try shop.settings[.bootstrapServers])")
            let partitions = Dictionary(topics.map { ($0.name, $0.partitions) }, uniquingKeysWith: { first, _ in first })
            let missing = Topic.all.filter { partitions[$0.name] == nil }.map(\.name)
            let wrong = Topic.all.filter { (partitions[$0.name] ?? Topic.partitions) != Topic.partitions }.map(\.name)
            if !missing.isEmpty {
                report.wrong("topics", "\(missing.joined(separator: ", ")) missing: run `shop setup`")
            }
            if !wrong.isEmpty {
                report.wrong(
                    "topics",
                    "\(wrong.joined(separator: ", ")) have not \(Topic.partitions) partitions: delete, then `shop setup`")
            }
            if missing.isEmpty, wrong.isEmpty {
                report.fine("topics", "\(Topic.all.count), of \(Topic.partitions) partitions each")
            }
            for service in Shop.services { await ofOutbox(service, cluster: cluster, shop, &report) }
        } catch {
            report.wrong("kafka", "\(explain(error, shop.settings)): is it running?")
        }
    }

    private static func ofOutbox(
        _ service: String, cluster: String, _ shop: Shop, _ report: inout DoctorReport
    ) async {
        guard
            let states = try? await shop.withDatabase(
                schema: service, { try await OutboxState.read(service, $0) })
        else { return }
        let check = "outbox \(service)"
        guard let state = states.first(where: { $0.cluster == cluster }) else {
            if states.contains(where: { $0.cluster != nil }) {
                report.wrong(
                    check, "never published to this cluster: `shop outbox rewind --service \(service)` starts it")
            } else {
                report.note(check, "nothing was ever published")
            }
            return
        }
        guard state.hasLeader else { return report.wrong(check, "no relay runs: start \(service)") }
        if let age = state.oldestSeconds, age > 5 {
            report.wrong(check, "\(state.unpublished) events wait, the oldest for \(Int(age)) s: see \(service)'s log")
        } else {
            report.fine(check, state.unpublished == 0 ? "all published" : "\(state.unpublished) on their way")
        }
    }

    // MARK: - Services

    static func ofService(_ service: String, _ shop: Shop, _ report: inout DoctorReport) async {
        let setting: Setting =
            switch service {
            case "orders": .ordersURL
            case "inventory": .inventoryURL
            case "payments": .paymentsURL
            default: .notificationsURL
            }
        do {
            let url = try shop.settings[setting]
            let answer = try await shop.web.send(.get, url + "/readyz?verbose", timeout: .seconds(5))
            if answer.status == 200 {
                report.fine(service, "ready at \(url)")
            } else if answer.status == 503 {
                report.wrong(service, "not ready: \(answer.text.oneLine.prefix(200))")
            } else {
                report.wrong(service, "another program answers at \(url): set \(setting.rawValue)")
            }
        } catch {
            report.wrong(service, "\(explain(error, shop.settings)): start it, or set \(setting.rawValue)")
        }
    }
}

/// What Postgres says of itself and of our roles.
private struct DatabaseFacts: Sendable {
    let server: Int
    let database: String
    let clock: Timestamp
    let roles: Set<String>
    /// What a role may do that it must not.
    let reaches: [String]

    private static let server = PostgresStatement.once(
        "SELECT current_setting('server_version_num')::bigint, current_database()::text, clock_timestamp()")

    private static let roles = PostgresStatement.once(
        "SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1::text[]) AND rolcanlogin")

    private static let reaches = PostgresStatement.once(
        """
        SELECT format('%s may use the schema %s', role.rolname, schema.nspname)
        FROM pg_roles AS role CROSS JOIN pg_namespace AS schema
        WHERE role.rolname = ANY ($1::text[]) AND schema.nspname = ANY ($1::text[] || '{public}'::text[])
            AND role.rolname <> schema.nspname AND has_schema_privilege(role.oid, schema.oid, 'USAGE')
        UNION ALL
        SELECT format('%s may make tables in its schema', rolname) FROM pg_roles
            JOIN pg_namespace ON nspname = rolname
        WHERE rolname = ANY ($1::text[]) AND has_schema_privilege(pg_roles.oid, pg_namespace.oid, 'CREATE')
        UNION ALL
        SELECT format('%s is a superuser', rolname) FROM pg_roles WHERE rolname = ANY ($1::text[]) AND rolsuper
        """)

    static func read(_ connection: PostgresConnection) async throws -> DatabaseFacts {
        let row = try await connection.query(server())[0]
        let clock = try row.timestamp(2)
        return DatabaseFacts(
            server: Int(try row.int64(0)), database: try row.string(1), clock: clock,
            roles: Set(try await connection.query(roles(Roles.names)).map { try $0.string(0) }),
            reaches: try await connection.query(reaches(Roles.names)).map { try $0.string(0) })
    }
}
