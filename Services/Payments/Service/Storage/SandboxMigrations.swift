import Postgres

/// The schema `gateway`, which belongs to the company that the sandbox plays and not to payments.
let sandboxMigrations: [Migration] = [
    Migration(
        number: 1, name: "sandbox",
        sql: """
            -- One row per key, never changed: the answer given once is the answer for ever.
            CREATE TABLE charge (
                key text PRIMARY KEY,
                order_id uuid NOT NULL,
                token text NOT NULL,
                amount bigint NOT NULL,
                currency text NOT NULL,
                state text NOT NULL,
                reason text,
                answered_at timestamptz NOT NULL,
                created_at timestamptz NOT NULL DEFAULT now(),
                CONSTRAINT charge_state CHECK (
                    (state = 'captured' AND reason IS NULL) OR (state = 'declined' AND reason IS NOT NULL))
            );

            CREATE TABLE refund (
                key text PRIMARY KEY,
                charge_key text NOT NULL,
                amount bigint NOT NULL,
                created_at timestamptz NOT NULL DEFAULT now(),
                CONSTRAINT refund_once UNIQUE (charge_key),
                CONSTRAINT refund_of_charge FOREIGN KEY (charge_key) REFERENCES charge (key)
            );

            -- Keys whose first call went wrong on purpose, so that only the first one does.
            CREATE TABLE mishap (
                key text PRIMARY KEY,
                created_at timestamptz NOT NULL DEFAULT now()
            );
            """)
]
