-- A past for deploy/bench --history: copies of one confirmed order, as many as :orders, in all services' tables, placed over
-- the month that ended ten days ago. Their events are as gone as retention would have them, and so are their keys.

SET synchronous_commit = off;
SET maintenance_work_mem = '512MB';

CREATE UNLOGGED TABLE history AS
    SELECT
        -- UUIDv7 (RFC 9562), as the service makes them: in the order of their time.
        (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(digits, 1, 3)
            || 'a' || substr(digits, 4, 15))::uuid AS id,
        at, 'customer-' || number % 100000 AS customer
    FROM (
        SELECT number, md5(number::text) AS digits,
            now() - interval '10 days' - (:orders - number) * (interval '30 days' / :orders) AS at
        FROM generate_series(1, :orders) AS number
    ) AS past;
ANALYZE history;

CREATE TABLE template AS SELECT id FROM orders.orders WHERE status = 'confirmed' ORDER BY id LIMIT 1;
SELECT 1 / count(*) AS "an order to copy" FROM template;

INSERT INTO orders.orders
    SELECT history.id, customer, email, lines, total_amount, currency, stock, money, cancelled_by, status, reason, version,
        at, at, at + (deadline - created_at)
    FROM orders.orders JOIN template USING (id), history;

INSERT INTO inventory.reservation
    SELECT history.id, status, skus, quantities, version, at, at
    FROM inventory.reservation JOIN template ON order_id = template.id, history;

-- What was sold had come in before; nothing that the others know of changes.
UPDATE inventory.product SET sold = sold + :orders * quantity, restocked = restocked + :orders * quantity
    FROM inventory.reservation JOIN template ON order_id = id, unnest(skus, quantities) AS line (item, quantity)
    WHERE sku = item;

INSERT INTO payments.payment
    SELECT history.id, amount, currency, token, status, reason, version, at, at
    FROM payments.payment JOIN template ON order_id = template.id, history;

INSERT INTO payments.posting
    SELECT history.id, kind, amount, currency, history.at
    FROM payments.posting JOIN template ON order_id = template.id, history;

INSERT INTO gateway.charge
    SELECT replace(key, order_id::text, history.id::text), history.id, token, amount, currency, state, reason, at, at
    FROM gateway.charge JOIN template ON order_id = template.id, history;

INSERT INTO notifications.message
    SELECT history.id, kind, customer, email, text, status, version, attempts, next_attempt_at, at, at
    FROM notifications.message JOIN template ON order_id = template.id, history;

INSERT INTO orders.outbox_dropped (name, newest) SELECT 'before the bench', max(at) FROM history;
INSERT INTO inventory.outbox_dropped (name, newest) SELECT 'before the bench', max(at) FROM history;
INSERT INTO payments.outbox_dropped (name, newest) SELECT 'before the bench', max(at) FROM history;
INSERT INTO notifications.outbox_dropped (name, newest) SELECT 'before the bench', max(at) FROM history;

DROP TABLE history, template;
VACUUM (ANALYZE);
