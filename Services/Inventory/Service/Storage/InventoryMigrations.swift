import Messaging
import Postgres

/// The schema `inventory`.
///
/// Append-only: what was released is never edited, only followed.
let inventoryMigrations: [Migration] = [
    messagingMigration,
    Migration(
        number: 2, name: "products and reservations",
        sql: """
            -- One row per SKU, changed by nearly every batch. Half of each page is left free, and no index has a column
            -- that changes, so every update stays on its page (HOT) and is cleaned up without a vacuum.
            CREATE TABLE product (
                sku text COLLATE "C" PRIMARY KEY,
                name text NOT NULL,
                price_amount bigint NOT NULL,
                currency text NOT NULL,
                available bigint NOT NULL DEFAULT 0,
                reserved bigint NOT NULL DEFAULT 0,
                sold bigint NOT NULL DEFAULT 0,
                -- All that ever came in: what an audit holds against the three levels.
                restocked bigint NOT NULL DEFAULT 0,
                version bigint NOT NULL DEFAULT 1,
                -- The version that `inventory.stock` told last; behind `version` until the publisher has caught up.
                published_version bigint NOT NULL DEFAULT 0,
                CONSTRAINT product_available_not_negative CHECK (available >= 0),
                CONSTRAINT product_reserved_not_negative CHECK (reserved >= 0),
                CONSTRAINT product_sold_not_negative CHECK (sold >= 0),
                CONSTRAINT product_nothing_lost CHECK (restocked = available + reserved + sold)
            ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

            -- One row per order that was heard of; by its key the inbox of this service. The lines are two arrays of
            -- the same length, as every confirmed order reads them and JSON would cost more than all the rest.
            CREATE TABLE reservation (
                order_id uuid PRIMARY KEY,
                status text NOT NULL,
                skus text[] NOT NULL,
                quantities bigint[] NOT NULL,
                version bigint NOT NULL,
                created_at timestamptz NOT NULL,
                updated_at timestamptz NOT NULL,
                CONSTRAINT reservation_status CHECK (status IN ('held', 'rejected', 'released', 'sold')),
                CONSTRAINT reservation_lines CHECK (cardinality(skus) = cardinality(quantities))
            ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

            -- The answer to a repeated POST of stock, written in the transaction that counts the goods in.
            CREATE TABLE restock (
                key text PRIMARY KEY,
                sku text NOT NULL,
                quantity bigint NOT NULL,
                created_at timestamptz NOT NULL DEFAULT now()
            );
            CREATE INDEX restock_by_age ON restock USING brin (created_at);
            """),
    outboxPartitions(number: 3),
    outboxTicksInOrder(number: 4),
    outboxWithoutVacuum(number: 5),
    outboxTicksWhileNeeded(number: 6),
    Migration(
        number: 7, name: "restocks in the order of their age",
        sql: """
            -- A BRIN's summaries never shrink: once the room of expired keys is used again, every expiry reads them all.
            DROP INDEX restock_by_age;
            CREATE INDEX restock_by_age ON restock (created_at);
            """),
    outboxAfterRestore(number: 8),
    deadLettersOutOfPlace(number: 9),
    deadLettersToRetry(number: 10),
]
