import Messaging
import Postgres

/// The schema `sales`.
///
/// Append-only: what was released is never edited, only followed.
let salesMigrations: [Migration] = [
    messagingMigration,
    Migration(
        number: 2, name: "sales and their sums",
        sql: """
            -- One row per order that was heard of: the state of the join, and by its key the inbox of this service.
            -- The lines are there only while they wait for the order's end.
            CREATE TABLE sale (
                order_id uuid PRIMARY KEY,
                status text NOT NULL,
                skus text[] NOT NULL,
                quantities bigint[] NOT NULL,
                confirmed_at timestamptz,
                updated_at timestamptz NOT NULL,
                CONSTRAINT sale_status CHECK (status IN ('placed', 'confirmed', 'counted', 'cancelled')),
                CONSTRAINT sale_lines CHECK (cardinality(skus) = cardinality(quantities)),
                CONSTRAINT sale_time CHECK ((confirmed_at IS NOT NULL) = (status IN ('confirmed', 'counted')))
            ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

            -- One row per minute and product that was sold in it. While the minute runs no index has a column that
            -- changes, so its updates stay on their page (HOT).
            CREATE TABLE sales_sum (
                starts_at timestamptz NOT NULL,
                sku text COLLATE "C" NOT NULL,
                units bigint NOT NULL,
                orders bigint NOT NULL,
                -- How often it was told.
                version bigint NOT NULL DEFAULT 0,
                -- Whether it is still as it was told last.
                is_told boolean NOT NULL DEFAULT false,
                updated_at timestamptz NOT NULL,
                PRIMARY KEY (starts_at, sku),
                CONSTRAINT sales_sum_positive CHECK (units > 0 AND orders > 0)
            ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
            CREATE INDEX sales_sum_untold ON sales_sum (starts_at, sku) WHERE NOT is_told;
            """),
    outboxPartitions(number: 3),
    outboxTicksInOrder(number: 4),
    outboxWithoutVacuum(number: 5),
    outboxTicksWhileNeeded(number: 6),
    outboxAfterRestore(number: 7),
    deadLettersOutOfPlace(number: 8),
    deadLettersToRetry(number: 9),
]
