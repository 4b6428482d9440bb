import Messaging
import Postgres

/// The schema `notifications`.
///
/// Append-only: what was released is never edited, only followed.
let notificationMigrations: [Migration] = [
    messagingMigration,
    Migration(
        number: 2, name: "messages",
        sql: """
            -- One row per customer and thing to tell: the key is the inbox of this service, and what makes each message
            -- one. Without a mail server rows are written once, as `sent`, and never changed.
            CREATE TABLE message (
                order_id uuid NOT NULL,
                kind text NOT NULL,
                customer_id text NOT NULL,
                email text,
                text text NOT NULL,
                status text NOT NULL,
                -- Counts the messages about an order, in the order in which they were written and are sent.
                version bigint NOT NULL,
                attempts integer NOT NULL DEFAULT 0,
                -- When a pending one may be tried again; until then it is leased, or it has failed.
                next_attempt_at timestamptz,
                created_at timestamptz NOT NULL,
                sent_at timestamptz,
                PRIMARY KEY (order_id, kind),
                CONSTRAINT message_kind CHECK (kind IN ('order_received', 'order_confirmed', 'order_cancelled')),
                CONSTRAINT message_status CHECK (status IN ('pending', 'sent', 'refused')),
                CONSTRAINT message_pending_is_due CHECK (status <> 'pending' OR next_attempt_at IS NOT NULL)
            ) WITH (fillfactor = 90);

            -- Only mails are ever in it, and a mail costs a thousand times what this does.
            CREATE INDEX message_pending ON message (next_attempt_at) WHERE status = 'pending';
            """),
    outboxPartitions(number: 3),
    outboxTicksInOrder(number: 4),
    outboxWithoutVacuum(number: 5),
    outboxTicksWhileNeeded(number: 6),
    Migration(
        number: 7, name: "refusals",
        sql: """
            -- How often a mail server has said "never": `attempts` counts those it didn't answer as well.
            ALTER TABLE message ADD COLUMN refusals integer NOT NULL DEFAULT 0;
            """),
    outboxAfterRestore(number: 8),
    deadLettersOutOfPlace(number: 9),
    deadLettersToRetry(number: 10),
    Migration(
        number: 11, name: "mails wait in line",
        sql: """
            -- A mail is due no sooner than those of its order before it. What an outage has piled up before this build
            -- would keep it from ever coming to an end.
            UPDATE message SET next_attempt_at = earlier.next_attempt_at
            FROM message AS earlier
            WHERE message.status = 'pending' AND earlier.order_id = message.order_id
                AND earlier.status NOT IN ('sent', 'refused') AND earlier.version < message.version
                AND earlier.next_attempt_at > message.next_attempt_at;
            """),
]
