package import Postgres

/// The tables of messaging, the same in each service's schema: always migration 1.
package let messagingMigration = Migration(
    number: 1, name: "messaging",
    sql: """
        -- Events that a transaction wrote beside its state. Append-only: the relay's place is a snapshot, not a mark on
        -- the row, which costs a third of marking and makes every rewind possible. `seq` is drawn while the row of the
        -- aggregate is locked, so within a window of snapshots it orders the events of one key.
        CREATE TABLE outbox (
            seq bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
            xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
            event_id uuid NOT NULL,
            topic text NOT NULL,
            key text NOT NULL,
            version bigint NOT NULL,
            causation_id uuid,
            traceparent text,
            occurred_at timestamptz NOT NULL,
            payload text NOT NULL,
            PRIMARY KEY (xid, seq)
        );
        ALTER TABLE outbox ALTER COLUMN payload SET STORAGE MAIN;

        -- Where the relay stands, for each Kafka cluster it ever published to.
        CREATE TABLE outbox_cursor (
            cluster_id text PRIMARY KEY,
            system_id text NOT NULL,
            snapshot pg_snapshot NOT NULL,
            version bigint NOT NULL,
            epoch bigint NOT NULL,
            moved_at timestamptz NOT NULL DEFAULT now()
        );

        -- A snapshot for each second in which something was written: targets of a rewind, and bounds of a batch.
        CREATE TABLE outbox_tick (
            at timestamptz PRIMARY KEY,
            snapshot pg_snapshot NOT NULL
        );

        -- The next offset to handle, moved in the transaction that has the effects.
        CREATE TABLE consumer_offset (
            cluster_id text NOT NULL,
            topic text NOT NULL,
            partition integer NOT NULL,
            next bigint NOT NULL,
            epoch bigint NOT NULL,
            PRIMARY KEY (cluster_id, topic, partition)
        ) WITH (fillfactor = 50);

        CREATE TABLE dead_letter (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            cluster_id text NOT NULL,
            topic text NOT NULL,
            partition integer NOT NULL,
            "offset" bigint NOT NULL,
            key bytea,
            headers text NOT NULL,
            value bytea,
            error_class text NOT NULL,
            error text NOT NULL,
            attempts integer NOT NULL DEFAULT 1,
            state text NOT NULL DEFAULT 'parked',
            note text,
            first_seen timestamptz NOT NULL DEFAULT now(),
            changed_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT dead_letter_position UNIQUE (cluster_id, topic, partition, "offset"),
            CONSTRAINT dead_letter_state CHECK (state IN ('parked', 'retry', 'redriven', 'discarded'))
        );
        """)

/// Lets a relay that is behind find the next tick without reading all of a week that it has passed.
///
/// - Parameter number: the migration's place in the service's list.
package func outboxTicksInOrder(number: Int) -> Migration {
    Migration(
        number: number, name: "ticks in the order of transactions",
        sql: "CREATE INDEX outbox_tick_by_xmax ON outbox_tick (pg_snapshot_xmax(snapshot));")
}

/// Lets a dead letter leave its place when another record stands there.
///
/// - Parameter number: the migration's place in the service's list.
package func deadLettersOutOfPlace(number: Int) -> Migration {
    Migration(
        number: number, name: "dead letters out of place",
        sql: """
            -- Null where the record is no longer on the cluster: its topic was deleted, or deleted and made anew.
            ALTER TABLE dead_letter ALTER COLUMN cluster_id DROP NOT NULL;
            """)
}

/// Lets a service look every second for the dead letters to try again, without reading those that nobody marked.
///
/// - Parameter number: the migration's place in the service's list.
package func deadLettersToRetry(number: Int) -> Migration {
    Migration(
        number: number, name: "dead letters to retry",
        sql: """
            -- Partial, so that it is the smallest whatever the statistics say of the states, and empty as a rule.
            CREATE INDEX dead_letter_retry ON dead_letter (id) WHERE state = 'retry';
            """)
}
