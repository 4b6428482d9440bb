import Messaging
import Postgres

/// The schema `payments`.
///
/// Append-only: what was released is never edited, only followed.
let paymentMigrations: [Migration] = [
    messagingMigration,
    Migration(
        number: 2, name: "payments",
        sql: """
            -- One row per order, and the inbox: a repeated event finds it. No index has a column that
            -- changes, so every update stays on its page (HOT); half of a page is left free, since whole
            -- pages of new rows are answered at once. A row without a charge is a tombstone: cancelled before
            -- there was anything to pay.
            CREATE TABLE payment (
                order_id uuid PRIMARY KEY,
                amount bigint,
                currency text,
                token text,
                status text NOT NULL,
                reason text,
                version bigint NOT NULL DEFAULT 1,
                created_at timestamptz NOT NULL,
                updated_at timestamptz NOT NULL,
                CONSTRAINT payment_status CHECK (status IN (
                    'requested', 'captured', 'declined', 'voiding', 'voided', 'refunding', 'refunded')),
                CONSTRAINT payment_charge CHECK (
                    num_nulls(amount, currency, token) = 0
                    OR (num_nulls(amount, currency, token) = 3 AND status = 'voided'))
            ) WITH (fillfactor = 50);

            -- The calls whose answers are out: the intent, committed before the call and deleted with its
            -- answer. So this table is as small as what is in flight, and finding what a crash left behind is
            -- a look at all of it, whatever the number of payments. It has no index on `leased_until`, which
            -- changes.
            CREATE TABLE gateway_call (
                order_id uuid NOT NULL,
                kind text NOT NULL,
                cause_id uuid,
                traceparent text,
                attempts integer NOT NULL DEFAULT 0,
                leased_until timestamptz NOT NULL,
                PRIMARY KEY (order_id, kind),
                CONSTRAINT gateway_call_kind CHECK (kind IN ('capture', 'refund'))
            ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

            -- Money that moved, one row for each capture and each refund, which is only ever added. The key
            -- makes either happen once per order, whatever the code does.
            CREATE TABLE posting (
                order_id uuid NOT NULL,
                kind text NOT NULL,
                amount bigint NOT NULL,
                currency text NOT NULL,
                at timestamptz NOT NULL,
                PRIMARY KEY (order_id, kind),
                CONSTRAINT posting_kind CHECK (kind IN ('capture', 'refund')),
                CONSTRAINT posting_amount CHECK (amount > 0)
            );

            -- A trigger and not a grant, since it holds for the owner of the table as well.
            CREATE FUNCTION posting_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    RAISE EXCEPTION 'the ledger is only ever appended to: post the opposite instead'
                        USING ERRCODE = 'insufficient_privilege';
                END
            $$;
            CREATE TRIGGER posting_is_final BEFORE UPDATE OR DELETE OR TRUNCATE ON posting
                FOR EACH STATEMENT EXECUTE FUNCTION posting_is_final();

            -- The ledger: two entries of each posting, one the other's opposite. Made of one row, they can't
            -- but sum to zero.
            CREATE VIEW ledger_entry AS
                SELECT order_id, kind, account, sign * amount AS amount, currency, at
                FROM posting CROSS JOIN LATERAL (VALUES
                    ('gateway', CASE kind WHEN 'capture' THEN 1 ELSE -1 END),
                    ('customer', CASE kind WHEN 'capture' THEN -1 ELSE 1 END)) AS side (account, sign);
            """),
    outboxPartitions(number: 3),
    outboxTicksInOrder(number: 4),
    outboxWithoutVacuum(number: 5),
    outboxTicksWhileNeeded(number: 6),
    outboxAfterRestore(number: 7),
    deadLettersOutOfPlace(number: 8),
    deadLettersToRetry(number: 9),
]
