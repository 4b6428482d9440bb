import Messaging
import Postgres

/// The schema `orders`.
///
/// Append-only: what was released is never edited, only followed.
let orderMigrations: [Migration] = [
    messagingMigration,
    Migration(
        number: 2, name: "orders",
        sql: """
            -- One row per order. No index has a column that changes and pages are filled by half, since most orders
            -- change once, so the second version finds room beside the first (HOT).
            -- `status` and `reason` follow from the three facts; they stand here for people and for lists.
            CREATE TABLE orders (
                id uuid PRIMARY KEY,
                customer_id text NOT NULL,
                email text,
                lines jsonb NOT NULL,
                total_amount bigint NOT NULL,
                currency text NOT NULL,
                stock text NOT NULL DEFAULT 'open',
                money text NOT NULL DEFAULT 'open',
                cancelled_by text,
                status text NOT NULL DEFAULT 'pending',
                reason text,
                version bigint NOT NULL DEFAULT 1,
                created_at timestamptz NOT NULL,
                updated_at timestamptz NOT NULL,
                deadline timestamptz NOT NULL,
                CONSTRAINT orders_total_not_negative CHECK (total_amount >= 0),
                CONSTRAINT orders_status CHECK (status IN ('pending', 'confirmed', 'cancelling', 'cancelled'))
            ) WITH (fillfactor = 50);
            CREATE INDEX orders_by_customer ON orders (customer_id, id);
            CREATE INDEX orders_by_deadline ON orders (deadline);

            -- The answer to a repeated POST. The primary key is the concurrency control; a row is written in the
            -- transaction of its order, so none can outlive a crash without one.
            CREATE TABLE idempotency_key (
                key text PRIMARY KEY,
                fingerprint bytea NOT NULL,
                order_id uuid NOT NULL,
                created_at timestamptz NOT NULL DEFAULT now()
            );
            CREATE INDEX idempotency_key_by_age ON idempotency_key USING brin (created_at);

            -- Our copy of `inventory.stock`: what is sold, and at which price.
            CREATE TABLE product (
                sku text PRIMARY KEY,
                name text NOT NULL,
                price_amount bigint NOT NULL,
                currency text NOT NULL,
                available bigint NOT NULL,
                version bigint NOT NULL
            ) WITH (fillfactor = 50);
            """),
    outboxPartitions(number: 3),
    outboxTicksInOrder(number: 4),
    Migration(
        number: 5, name: "place of the sweep",
        sql: """
            -- Up to which deadline orders were looked at, so that a restart need not look at all there ever were.
            CREATE TABLE deadline_sweep (
                single boolean PRIMARY KEY DEFAULT true CHECK (single),
                deadline timestamptz NOT NULL
            );
            INSERT INTO deadline_sweep (deadline) VALUES ('epoch');
            """),
    outboxWithoutVacuum(number: 6),
    outboxTicksWhileNeeded(number: 7),
    Migration(
        number: 8, name: "keys in the order of their age",
        sql: """
            -- A BRIN's summaries never shrink: once the room of expired keys is used again, each page may hold an old
            -- one, and every expiry reads them all. Here new rows go to the last page, for some 65 bytes of WAL each.
            DROP INDEX idempotency_key_by_age;
            CREATE INDEX idempotency_key_by_age ON idempotency_key (created_at);
            """),
    outboxAfterRestore(number: 9),
    deadLettersOutOfPlace(number: 10),
    deadLettersToRetry(number: 11),
]
