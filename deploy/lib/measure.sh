# shellcheck shell=bash disable=SC2034,SC2154
# What deploy/bench measures with: SQL, processor time, memory, bytes on disk, and wrk. Sourced.

# sql QUERY [DATABASE]: prints what the administrator gets, columns separated by a space.
sql() { as_administrator psql "${2:-shop}" -XAtq -F ' ' -v ON_ERROR_STOP=1 -c "$1"; }

# calculate EXPRESSION [FORMAT]: prints its value; bash has no fractions.
calculate() { awk "BEGIN { printf \"${2:-%.2f}\", $1 }"; }

# cpu_seconds NAME: prints the processor time that NAME has used so far; Postgres's with that of all its children,
# those that have ended too.
cpu_seconds() {
    running "$1" || fail "$1 has ended: see $state/log/$1.log"
    { cat /proc/[0-9]*/stat 2> /dev/null || true; } | awk -v of="$pid" -v hertz="$(getconf CLK_TCK)" '
        { process = $1; sub(/^[0-9]+ \(.*\) /, "") }
        process == of { sum += $12 + $13 + $14 + $15 }
        $2 == of { sum += $12 + $13 }
        END { printf "%.2f", sum / hertz }'
}

# resident_megabytes NAME: prints what NAME has in memory now.
resident_megabytes() {
    running "$1" && awk '/^VmRSS/ { printf "%.0f", $2 / 1024 }' "/proc/$pid/status"
}

wal_bytes() { sql "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"; }

# kafka_bytes: prints how long the logs of all topics are, the broker's own metadata left out.
kafka_bytes() {
    find "$state/kafka/" -path '*/__cluster_metadata*' -prune -o -name '*.log' -printf '%s\n' |
        awk '{ sum += $1 } END { printf "%.0f", sum }'
}

# age FILES: makes Postgres one that has run for a while, by a table that comes and goes: it has touched all its buffers, and
# the next checkpoint makes that many files of its log old ones, to write over. A new server gets each page of its memory
# from the kernel when it is first touched, and fills each new file with zeros first; whoever writes the most pays for that.
age() {
    sql 'CREATE TABLE age (page text)' bench
    sql 'ALTER TABLE age ALTER page SET STORAGE PLAIN' bench
    sql "INSERT INTO age SELECT repeat('x', 8000) FROM generate_series(1, $1 * 2048)" bench
    sql 'DROP TABLE age' bench
}

# yardstick SECONDS: prints pgbench's transactions per second, on the Postgres of the shop, right after a checkpoint.
yardstick() {
    local log=$state/log/pgbench.log
    sql CHECKPOINT
    as_administrator pgbench bench -c 8 -j 2 -M prepared -T "$1" > "$log" 2>&1 ||
        fail "pgbench failed: $(tail -n 1 "$log")"
    awk '/^tps/ { printf "%.0f", $3 }' "$log"
}

# begin_load: sets first_id, the lowest an order of now can have (UUIDv7, RFC 9562), and counts the load in runs.
begin_load() {
    ((++runs))
    first_id=$(sql "SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
        || repeat('0', 20))::uuid")
}

# place CONNECTIONS SECONDS WAIT THINK: has wrk place orders; sets answers, took (seconds), refused, broken, p50, p95,
# p99 (milliseconds) and wrk_cpu (seconds). In the background, so that a signal need not wait for its end.
place() {
    local log=$state/log/wrk.log used
    begin_load
    used=$(children_seconds)
    wrk -t 1 -c "$1" -d "$2s" --timeout 60s -s "$here/lib/order.lua" "http://127.0.0.1:$ORDERS_PORT" -- \
        "bench-$runs" "$3" "$lines" "$skus" "$declined" "$sold_out" "$4" > "$log" 2>&1 &
    wrk_pid=$!
    wait "$wrk_pid" || fail "wrk failed: $(tail -n 1 "$log")"
    wrk_pid=''
    wrk_cpu=$(calculate "$(children_seconds) - $used")
    read -r answers took refused broken p50 p95 p99 < <(sed -n 's/^result //p' "$log")
    [[ -n ${p99:-} ]] || fail "wrk printed no result: $(tail -n 1 "$log")"
}

# children_seconds: prints the processor time of all that this script has waited for.
children_seconds() {
    local fields
    read -ra fields <<< "$(sed 's/.*) //' "/proc/$$/stat")"
    calculate "(${fields[13]} + ${fields[14]}) / $(getconf CLK_TCK)"
}

# place_in_background CONNECTIONS THINK: like `place`, until somebody ends wrk_pid; nobody asks how it went.
place_in_background() {
    begin_load
    wrk -t 1 -c "$1" -d 600s --timeout 60s -s "$here/lib/order.lua" "http://127.0.0.1:$ORDERS_PORT" -- \
        "bench-$runs" 0 "$lines" "$skus" "$declined" "$sold_out" "$2" > "$state/log/wrk.log" 2>&1 &
    wrk_pid=$!
}

# settle: waits until every order of the last load has ended and its customer was told; prints how long that took, in
# seconds. Ids grow with time: those from $first_id on are what there is to look at, however many came before.
settle() {
    local deadline=$((SECONDS + 120)) began=$EPOCHREALTIME
    until [[ $(sql "SELECT count(*) FILTER (WHERE status IN ('pending', 'cancelling')) = 0 AND 2 * count(*) <=
        (SELECT count(*) FROM notifications.message WHERE order_id >= '$first_id')
        FROM orders.orders WHERE id >= '$first_id'") == t ]]; do
        ((SECONDS < deadline)) || fail "orders are still under way after 120 s: see $state/log"
        sleep 0.2
    done
    calculate "$EPOCHREALTIME - $began" %.1f
}

# ended SINCE UNTIL: prints how many orders of the last load ended then, from the shop's own books and by its own clock.
ended() {
    sql "SELECT count(*) FROM orders.orders WHERE id >= '$first_id'
        AND status IN ('confirmed', 'cancelled') AND updated_at >= '$1' AND updated_at < '$2'"
}

# batches: prints how many orders of the last load shared a transaction in each service, as the rows tell that it wrote.
batches() {
    sql "SELECT string_agg(format('%s %s / %s', step, median, most), ', ' ORDER BY number) FROM (
        SELECT number, step, percentile_disc(0.5) WITHIN GROUP (ORDER BY orders) AS median, max(orders) AS most FROM (
            SELECT 1 AS number, 'POST' AS step, count(*) AS orders
                FROM orders.outbox WHERE topic = 'orders.created' AND key >= '$first_id' GROUP BY xmin
            UNION ALL SELECT 2, 'inventory', count(*)
                FROM inventory.outbox WHERE topic = 'inventory.reserved' AND key >= '$first_id' GROUP BY xmin
            UNION ALL SELECT 3, 'payments', count(*)
                FROM payments.outbox WHERE topic = 'payments.captured' AND key >= '$first_id' GROUP BY xmin
            UNION ALL SELECT 4, 'orders', count(*)
                FROM orders.outbox WHERE topic = 'orders.confirmed' AND key >= '$first_id' GROUP BY xmin
            UNION ALL SELECT 5, 'notifications', count(*)
                FROM notifications.message WHERE order_id >= '$first_id' AND kind = 'order_confirmed' GROUP BY xmin
        ) AS batch GROUP BY number, step) AS steps"
}

# handled NAME: prints how many records NAME has taken from Kafka, by its own account.
handled() { sql "SELECT coalesce(sum(next), 0)::bigint FROM $1.consumer_offset"; }

# watch_outboxes: notes once a second, in the background, how old the oldest event is that Kafka does not have yet.
# Each time in a session of its own: one that stays would keep old rows alive and slow down what is measured.
watch_outboxes() {
    local service unseen='' log=$state/log/outbox.log
    for service in "${services[@]}"; do
        unseen+="${unseen:+ UNION ALL }SELECT occurred_at FROM $service.outbox WHERE xid >= pg_snapshot_xmax(
            (SELECT snapshot FROM $service.outbox_cursor ORDER BY moved_at DESC LIMIT 1))"
    done
    : > "$log"
    while sleep 1; do
        sql "SELECT coalesce((extract(epoch FROM clock_timestamp() - min(occurred_at)) * 1000)::bigint, 0), count(*)
            FROM ($unseen) AS unseen" >> "$log"
    done &
    watch_pid=$!
}

# outbox_ages: ends the watch; prints median and most, in milliseconds, and the most events that waited at once.
outbox_ages() {
    kill "$watch_pid"
    wait "$watch_pid" 2> /dev/null || true
    watch_pid=''
    sort -n "$state/log/outbox.log" | awk '{ age[NR] = $1; if ($2 > most) most = $2 }
        END { printf "%d ms / %d ms; %d events at most", age[int((NR + 1) / 2)], age[NR], most }'
}
