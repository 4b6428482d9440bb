package import Postgres

/// The outbox in partitions that can be dropped once nobody needs their events any more.
///
/// A partition is a range of transactions and not a day, because that is what the relay asks for: of many partitions it
/// reads only the last. Transaction numbers can't be told ahead, so all ranges have the same width, in numbers, and the next
/// ones are there before they are needed. What is dropped is older than the retention to the last row.
///
/// The role of a service may change no table. It may call the two functions, which run as their owner, do only this, and
/// only in their own schema.
///
/// - Parameters:
///   - number: the migration's place in the service's list.
///   - width: the transactions of a partition. A busy shop fills one in half a day; a quiet one takes long for it,
///     and holds little.
package func outboxPartitions(number: Int, width: Int64 = 1 << 24) -> Migration {
    Migration(
        number: number, name: "outbox in partitions",
        sql: [tables(width), extend(width), drop(width), rights].joined(separator: "\n"))
}

/// Spares the outbox the vacuum, and with it the analysis, which took 2 % of the processors of a busy young shop.
///
/// Its rows are never changed and leave by whole partitions, long before a transaction number is old enough to be frozen;
/// and its statements keep one plan, whatever the statistics say.
///
/// - Parameters:
///   - number: the migration's place in the service's list.
///   - width: as for `outboxPartitions`.
package func outboxWithoutVacuum(number: Int, width: Int64 = 1 << 24) -> Migration {
    Migration(
        number: number, name: "outbox without vacuum",
        sql: """
            \(namesMeanThisSchema)

            DO $$
                DECLARE
                    part regclass;
                BEGIN
                    FOR part IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'outbox'::regclass LOOP
                        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', part);
                    END LOOP;
                END
            $$;
            \(extend(width, .withoutVacuum))
            """)
}

/// Keeps the ticks for as long as there are rows between them, and drops nothing that was committed meanwhile.
///
/// Rows leave by whole partitions and may be much older than the retention. Ticks that left by age made all of those one
/// window, and a relay that was rewound sorted what was left of it for each batch.
///
/// - Parameters:
///   - number: the migration's place in the service's list.
///   - width: as for `outboxPartitions`.
package func outboxTicksWhileNeeded(number: Int, width: Int64 = 1 << 24) -> Migration {
    Migration(
        number: number, name: "ticks while there are rows between them",
        sql: namesMeanThisSchema + "\n" + drop(width, .whileNeeded))
}

/// Lets a database live on that a dump brought to a server with lower transaction numbers, which begin anew.
///
/// Its first partition may hold all of them up to an end that is far away: then no other is made before that, and none of
/// its rows are dropped. And partitions are made whose names are among those that the server before it has dropped.
///
/// - Parameters:
///   - number: the migration's place in the service's list.
///   - width: as for `outboxPartitions`.
package func outboxAfterRestore(number: Int, width: Int64 = 1 << 24) -> Migration {
    Migration(
        number: number, name: "outbox after a restore",
        sql: [namesMeanThisSchema, extend(width, .afterRestore), drop(width, .afterRestore)]
            .joined(separator: "\n"))
}

/// For functions that take the path of their making along, too.
private let namesMeanThisSchema =
    "SELECT set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);"

/// Puts a partitioned table in the place of the one there was, which becomes its first partition.
private func tables(_ width: Int64) -> String {
    """
    -- Names mean this schema in what follows and in the functions, whatever the path of their caller.
    \(namesMeanThisSchema)

    ALTER TABLE outbox RENAME TO outbox_before;
    ALTER TABLE outbox_before RENAME CONSTRAINT outbox_pkey TO outbox_before_pkey;
    ALTER TABLE outbox_before ALTER COLUMN seq DROP IDENTITY;
    CREATE TABLE outbox (LIKE outbox_before INCLUDING ALL) PARTITION BY RANGE (xid);
    ALTER TABLE outbox ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (CACHE 1);
    SELECT setval(pg_get_serial_sequence('outbox', 'seq'), coalesce(max(seq), 0) + 1, false) FROM outbox_before;

    -- For transactions that nobody foresaw: a row that has no partition must not stop the service.
    CREATE TABLE outbox_rest PARTITION OF outbox DEFAULT;

    -- Up to when events are gone, for audits and for people.
    CREATE TABLE outbox_dropped (
        name text PRIMARY KEY,
        newest timestamptz,
        dropped_at timestamptz NOT NULL DEFAULT now()
    );

    DO $$
        DECLARE
            number constant bigint := pg_current_xact_id()::text::bigint / \(width);
        BEGIN
            EXECUTE format('ALTER TABLE outbox_before RENAME CONSTRAINT outbox_before_pkey TO outbox_%s_pkey',
                number);
            EXECUTE format('ALTER TABLE outbox_before RENAME TO outbox_%s', number);
            EXECUTE format('ALTER TABLE outbox ATTACH PARTITION outbox_%s FOR VALUES FROM (MINVALUE) TO (%L)',
                number, (number + 1) * \(width));
        END
    $$;
    """
}

/// What has changed of `outbox_extend` since its first migration.
private struct ExtendForm {
    let verb: String
    /// The storage parameters of the partitions to come.
    let storage: String
    /// What says that a partition is not to be made, and why.
    let refusal: String

    private static let rowsInTheRest = """
        check_violation THEN
                        -- Rows of this range are in the rest already; the next range is still to come.
        """

    static let first = ExtendForm(verb: "CREATE", storage: "", refusal: rowsInTheRest)
    static let withoutVacuum = ExtendForm(
        verb: "CREATE OR REPLACE", storage: " WITH (autovacuum_enabled = off)", refusal: rowsInTheRest)
    static let afterRestore = ExtendForm(
        verb: withoutVacuum.verb, storage: withoutVacuum.storage,
        refusal: """
            check_violation OR invalid_object_definition THEN
                            -- Rows of this range are in the rest already, or the first partition, of a server that
                            -- was further, covers it; the next range is still to come.
            """)
}

private func extend(_ width: Int64, _ form: ExtendForm = .first) -> String {
    """
    -- Makes the partitions of the transactions to come; says how many.
    \(form.verb) FUNCTION outbox_extend() RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '500ms' AS $$
        DECLARE
            current constant bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint / \(width);
            made bigint := 0;
        BEGIN
            IF NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.outbox_extend', 0)) THEN
                RETURN 0;
            END IF;
            FOR number IN current .. current + 2 LOOP
                CONTINUE WHEN to_regclass('outbox_' || number) IS NOT NULL;
                BEGIN
                    EXECUTE format('CREATE TABLE outbox_%s (LIKE outbox INCLUDING DEFAULTS INCLUDING STORAGE)\(form.storage)',
                        number);
                    EXECUTE format('ALTER TABLE outbox ATTACH PARTITION outbox_%s FOR VALUES FROM (%L) TO (%L)',
                        number, number * \(width), (number + 1) * \(width));
                    made := made + 1;
                EXCEPTION WHEN \(form.refusal)
                    CONTINUE;
                END;
            END LOOP;
            RETURN made;
        END
    $$;
    """
}

/// What has changed of `outbox_drop` since its first migration.
private struct DropForm {
    let verb: String
    /// Before `outbox_rest` is emptied.
    let restLock: String
    let ticks: String
    /// What becomes of a name that was dropped before.
    let again: String

    static let first = DropForm(verb: "CREATE", restLock: "", ticks: "at < now() - keep", again: "")
    static let whileNeeded = DropForm(
        verb: "CREATE OR REPLACE",
        // A row that is being written to it now is to be seen, too.
        restLock: """
            PERFORM FROM outbox_rest LIMIT 1;
            IF FOUND THEN LOCK TABLE outbox_rest IN ACCESS EXCLUSIVE MODE; END IF;

            """,
        ticks: """
            at < now() - keep AND pg_snapshot_xmax(snapshot) <= coalesce(
                            (SELECT min(xid) FROM outbox), pg_snapshot_xmax(pg_current_snapshot()))
            """,
        again: "")
    static let afterRestore = DropForm(
        verb: whileNeeded.verb, restLock: whileNeeded.restLock, ticks: whileNeeded.ticks,
        again: """

            ON CONFLICT (name) DO UPDATE SET
                newest = greatest(outbox_dropped.newest, excluded.newest), dropped_at = excluded.dropped_at
            """)
}

private func drop(_ width: Int64, _ form: DropForm = .first) -> String {
    """
    -- Drops what was published to a cluster entirely, and is older than `keep` to the last row.
    \(form.verb) FUNCTION outbox_drop(cluster text, keep interval) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '500ms' AS $$
        DECLARE
            published constant xid8 := (
                SELECT pg_snapshot_xmin(snapshot) FROM outbox_cursor WHERE cluster_id = cluster);
            part record;
            newest timestamptz;
            last xid8;
        BEGIN
            IF published IS NULL
                OR NOT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.outbox_drop', 0))
            THEN
                RETURN;
            END IF;
            FOR part IN
                SELECT relname::text AS name, substr(relname, 8)::bigint AS number
                FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                WHERE inhparent = 'outbox'::regclass AND relname ~ '^outbox_[0-9]+$' ORDER BY number
            LOOP
                EXIT WHEN (part.number + 1) * \(width) > published::text::bigint;
                EXECUTE format('SELECT max(occurred_at) FROM (
                    SELECT occurred_at FROM %I ORDER BY xid DESC, seq DESC LIMIT 10000) AS last', part.name)
                    INTO newest;
                EXIT WHEN newest > now() - keep;
                EXECUTE format('DROP TABLE %I', part.name);
                INSERT INTO outbox_dropped (name, newest) VALUES (part.name, newest)\(form.again);
                RETURN NEXT part.name;
            END LOOP;
            \(form.restLock)SELECT occurred_at, xid INTO newest, last FROM outbox_rest ORDER BY xid DESC, seq DESC LIMIT 1;
            IF last < published AND newest < now() - keep THEN
                TRUNCATE outbox_rest;
                INSERT INTO outbox_dropped (name, newest) VALUES ('outbox_rest up to ' || last, newest)\(form.again);
                RETURN NEXT 'outbox_rest';
            END IF;
            DELETE FROM outbox_tick WHERE \(form.ticks);
        END
    $$;
    """
}

private let rights = """
    REVOKE ALL ON FUNCTION outbox_extend(), outbox_drop(text, interval) FROM PUBLIC;
    -- The role of a service has the name of its schema; where there is none, the owner is all there is.
    DO $$
        BEGIN
            IF EXISTS (SELECT FROM pg_roles WHERE rolname = current_schema()) THEN
                EXECUTE format('GRANT EXECUTE ON FUNCTION outbox_extend(), outbox_drop(text, interval) TO %I',
                    current_schema());
            END IF;
        END
    $$;
    SELECT outbox_extend();
    """
