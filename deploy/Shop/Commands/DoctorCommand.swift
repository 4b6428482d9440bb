import Contracts
import Kafka
import Kernel
import Messaging
import Postgres

/// `shop doctor`: looks at each part the shop needs, and says what to do about what is wrong.
enum DoctorCommand {
    static let doctor = Command(
        verb: nil, summary: "check what the shop needs and say what to do about what is wrong",
        options: [.json],
        details: "Exits with 1 when something is wrong.",
        run: { arguments, shop in
            var symptoms = await Diagnosis.ofDatabase(shop) + Diagnosis.ofKafka(shop)
            for service in Shop.services { symptoms.append(await Diagnosis.ofService(service, shop)) }
            var table = Table("check", "state", "found")
            table.cellWidthMax = .max  // what to do stands at the end
            for symptom in symptoms {
                table.add(.text(symptom.check), .text(symptom.isFine ? "ok" : "FAIL"), .text(symptom.found))
            }
            shop.console.show(table, asJSON: arguments.has("--json"))
            return symptoms.allSatisfy(\.isFine) ? .success : .failure
        })
}

/// What a check found: that all is well, or what is wrong and, after a colon, what to do about it.
struct Symptom: Sendable {
    let check: String
    let isFine: Bool
    let found: String

    static func fine(_ check: String, _ found: String) -> Symptom {
        Symptom(check: check, isFine: true, found: found)
    }

    static func wrong(_ check: String, _ remedy: String) -> Symptom {
        Symptom(check: check, isFine: false, found: remedy)
    }
}

/// The checks of `shop doctor`, each on its own feet: one that fails doesn't hide the others.
enum Diagnosis {
    /// Two clocks further apart than this make a deadline wrong by as much.
    private static let clockSkewMax = Duration.seconds(1)

    // MARK: - Postgres

    static func ofDatabase(_ shop: Shop) async -> [Symptom] {
        do {
            return try await shop.withDatabase { connection in
                ofServer(try await DatabaseFacts.read(connection)) + (try await ofSchemas(connection))
            }
        } catch {
            return [.wrong("postgres", remedied(error, "start it, or set DATABASE_URL", shop))]
        }
    }

    private static func ofServer(_ facts: DatabaseFacts) -> [Symptom] {
        var symptoms: [Symptom] = []
        let version = facts.server / 10_000
        symptoms.append(
            version >= 15
                ? .fine("postgres", "version \(version), database \(facts.database)")
                : .wrong("postgres", "version \(version): the shop needs 15 or later"))
        let isClose = facts.skew < clockSkewMax && facts.skew > .zero - clockSkewMax
        symptoms.append(
            isClose
                ? .fine("clocks", "this machine's and Postgres's agree")
                : .wrong("clocks", "Postgres's differs by \(facts.skew / .seconds(1)) s: set both by NTP"))
        let missing = Roles.names.filter { !facts.roles.contains($0) }
        symptoms.append(
            missing.isEmpty
                ? .fine("roles", Roles.names.joined(separator: ", "))
                : .wrong("roles", "\(missing.joined(separator: ", ")) missing: run `shop setup`"))
        symptoms += facts.reaches.prefix(1).map { .wrong("fences", "\($0): run `shop setup`") }
        if facts.reaches.isEmpty { symptoms.append(.fine("fences", "no role reaches another's schema")) }
        return symptoms
    }

    private static let migrations = PostgresStatement.once(
        "SELECT name, number FROM migration ORDER BY number DESC LIMIT 1")
    private static let parked = PostgresStatement.once(
        "SELECT count(*) FROM dead_letter WHERE state = 'parked'")

    private static func ofSchemas(_ connection: PostgresConnection) async throws -> [Symptom] {
        var symptoms: [Symptom] = []
        for schema in Roles.names {
            let check = "schema \(schema)"
            try await connection.simple("SET search_path = \(schema)", timeout: .seconds(5))
            do {
                guard let row = try await connection.query(migrations()).first else {
                    symptoms.append(.wrong(check, "is empty: run `shop setup`"))
                    continue
                }
                symptoms.append(
                    .fine(check, "\(try row.int32(1)) migrations, the last `\(try row.string(0))`"))
            } catch {
                guard error.sqlState == .undefinedTable else { throw error }
                symptoms.append(.wrong(check, "has no tables: run `shop setup`"))
                continue
            }
            guard schema != "gateway" else { continue }
            let letters = try await connection.query(parked())[0].int64(0)
            if letters > 0 {
                symptoms.append(
                    .wrong("dead letters", "\(letters) of \(schema): see `shop dead-letters list`"))
            }
        }
        return symptoms
    }

    // MARK: - Kafka

    static func ofKafka(_ shop: Shop) async -> [Symptom] {
        do {
            let (cluster, topics, rights, limits) = try await shop.withKafka { admin in
                (
                    try await admin.clusterID(timeout: Shop.brokerTimeout),
                    try await admin.topics(timeout: Shop.brokerTimeout),
                    try await ACLSetup.present(admin, within: .seconds(1)),
                    try await TopicCommands.offsets(of: nil, admin)
                )
            }
            var symptoms = [
                Symptom.fine("kafka", "cluster \(cluster) at \(try shop.settings[.bootstrapServers])")
            ]
            symptoms += ofTopics(topics)
            symptoms.append(ofACLs(rights))
            for service in Shop.services { symptoms += await ofOutbox(service, cluster: cluster, shop) }
            var offsets: [String: [TopicPartition: Int64]] = [:]
            for service in Shop.services {
                // Where they can't be read, the database or the outbox has told why.
                offsets[service] = try? await StoredOffsets.read(service, cluster: cluster, shop)
            }
            return symptoms + ofOffsets(offsets, limits)
        } catch {
            return [.wrong("kafka", remedied(error, "start it, or set KAFKA_BOOTSTRAP_SERVERS", shop))]
        }
    }

    private static func ofTopics(_ topics: [TopicMetadata]) -> [Symptom] {
        let widths = TopicWidths(of: topics)
        var symptoms: [Symptom] = []
        if !widths.missing.isEmpty {
            let names = widths.missing.map(\.name).joined(separator: ", ")
            symptoms.append(.wrong("topics", "\(names) missing: run `shop setup`"))
        }
        if let advice = widths.advice { symptoms.append(.wrong("topics", advice)) }
        if symptoms.isEmpty, let usual = widths.usual {
            symptoms.append(.fine("topics", "\(Topic.all.count), of \(usual) partitions each"))
        }
        return symptoms
    }

    /// - Parameter rights: nil of a broker that knows no such thing; empty of one that asks for none, or does not say.
    static func ofACLs(_ rights: Set<ACLBinding>?) -> Symptom {
        guard let rights else { return .fine("acls", "this broker answers nothing about them") }
        guard !rights.isEmpty else {
            return .fine(
                "acls", "none: right where the cluster has no authorizer, else run `shop setup --acls`")
        }
        let missing = ACLSetup.all.filter { !rights.contains($0) }
        guard let first = missing.first else {
            return .fine("acls", "\(ACLSetup.all.count), what each service needs")
        }
        let rest = missing.count > 1 ? " and \(missing.count - 1) more" : ""
        return .wrong("acls", "\(first)\(rest) missing: run `shop setup --acls`")
    }

    /// - Parameters:
    ///   - offsets: what each service handles next.
    ///   - limits: where partitions begin.
    static func ofOffsets(
        _ offsets: [String: [TopicPartition: Int64]], _ limits: [TopicPartition: PartitionLag]
    ) -> [Symptom] {
        let lost = offsets.sorted { $0.key < $1.key }.flatMap { service, offsets in
            offsets.sorted { $0.key < $1.key }.compactMap { partition, next -> Symptom? in
                // A service that has handled nothing yet begins where the partition does.
                guard next > 0, let beginning = limits[partition]?.beginning, next < beginning else {
                    return nil
                }
                return .wrong(
                    "offsets",
                    "\(service) waits for \(partition) at \(next), and Kafka has deleted what is before "
                        + "\(beginning): `shop outbox rewind --all --offsets`")
            }
        }
        guard lost.isEmpty else { return lost }
        return [.fine("offsets", "Kafka still has whatever is to be handled next")]
    }

    /// Nothing where there is no database or no table, which has been told.
    static func ofOutbox(_ service: String, cluster: String, _ shop: Shop) async -> [Symptom] {
        let check = "outbox \(service)"
        let states: [OutboxState]
        do {
            states = try await shop.withDatabase(schema: service) { try await OutboxState.read(service, $0) }
        } catch PostgresError.connectionFailed {
            return []
        } catch let error as PostgresError where error.sqlState == .undefinedTable {
            return []
        } catch {
            return [.wrong(check, "can't be read: \(explain(error, shop.settings))")]
        }
        guard let state = states.first(where: { $0.cluster == cluster }) else {
            guard states.contains(where: { $0.cluster != nil }) else {
                return [.wrong(check, "nothing was ever published: start \(service)")]
            }
            return [
                .wrong(check, "never on this cluster: `shop outbox rewind --service \(service)` starts it")
            ]
        }
        guard state.hasLeader else {
            return [.wrong(check, "no relay leads: start \(service), or see its log")]
        }
        if let age = state.oldestSeconds, age > 5 {
            return [
                .wrong(check, "\(state.unpublished) events wait, the oldest for \(Int(age)) s: see its log")
            ]
        }
        return [.fine(check, state.unpublished == 0 ? "all published" : "\(state.unpublished) on their way")]
    }

    /// The line of an error, and what to do where the line doesn't say it: nothing is to be started because of a setting
    /// that can't be, or of a server that answers and refuses.
    private static func remedied(_ error: any Error, _ remedy: String, _ shop: Shop) -> String {
        let line = explain(error, shop.settings)
        switch error {
        case is Failure, PostgresError.configuration, PostgresError.server, KafkaError.configuration,
            KafkaError.authorization:
            return line
        default: return "\(line): \(remedy)"
        }
    }

    // MARK: - Services

    static func ofService(_ service: String, _ shop: Shop) async -> Symptom {
        let setting = Setting.url(of: service)
        let url: String
        do { url = try shop.settings[setting] } catch { return .wrong(service, "\(error)") }
        do {
            let answer = try await shop.web.send(.get, url + "/readyz?verbose", timeout: .seconds(5))
            switch answer.status {
            case 200: return .fine(service, "ready at \(url)")
            case 503: return .wrong(service, "not ready: \(notReady(answer.text))")
            default: return .wrong(service, "another program answers at \(url): set \(setting.rawValue)")
            }
        } catch {
            let line = explain(error, shop.settings)
            return .wrong(
                service, "\(line)\(line.hasSuffix("?") ? " S" : ": s")tart it, or set \(setting.rawValue)")
        }
    }
}

extension Diagnosis {
    /// Of what `/readyz?verbose` says, the checks that failed.
    static func notReady(_ text: String) -> String {
        let failed = text.split(separator: "\n").filter { $0.hasPrefix("[-]") }.map { $0.dropFirst(3) }
        return failed.isEmpty ? "see its log" : failed.joined(separator: "; ").oneLine
    }
}

/// What Postgres says of itself and of our roles.
private struct DatabaseFacts: Sendable {
    let server: Int
    let database: String
    /// How far its clock is ahead of ours.
    let skew: Duration
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
        let skew = try row.timestamp(2).since(.now())
        return DatabaseFacts(
            server: Int(try row.int64(0)), database: try row.string(1), skew: skew,
            roles: Set(try await connection.query(roles(Roles.names)).map { try $0.string(0) }),
            reaches: try await connection.query(reaches(Roles.names)).map { try $0.string(0) })
    }
}
