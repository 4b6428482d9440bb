# shellcheck shell=bash disable=SC2034,SC2154
# What deploy/bench measures with: SQL, processor time, memory, bytes on disk, and wrk. Sourced.

# sql QUERY [DATABASE]: prints what the administrator gets, columns separated by a space.
sql() { "$(postgres_bin)/psql" -XAtq -F ' ' -v ON_ERROR_STOP=1 -d "${DATABASE_URL%/shop}/${2:-shop}" -c "$1"; }

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

# yardstick SECONDS: prints pgbench's transactions per second, on the Postgres of the shop, right after a checkpoint.
yardstick() {
    local log=$state/log/pgbench.log
    sql CHECKPOINT
    "$(postgres_bin)/pgbench" -c 8 -j 2 -M prepared -T "$1" "${DATABASE_URL%/shop}/bench" > "$log" 2>&1 ||
        fail "pgbench failed: $(tail -n 1 "$log")"
    awk '/^tps/ { printf "%.0f", $3 }' "$log"
}

# place CONNECTIONS SECONDS WAIT THINK: has wrk place orders; sets answers, took (seconds), refused, broken, p50, p95,
# p99 (milliseconds) and wrk_cpu (seconds). In the background, so that a signal need not wait for its end.
place() {
    local log=$state/log/wrk.log used
    used=$(children_seconds)
    ((++runs))
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

# settle: waits until every order has ended and its customer was told; prints how long that took, in seconds.
settle() {
    local deadline=$((SECONDS + 120)) began=$EPOCHREALTIME
    until [[ $(sql "SELECT NOT EXISTS (SELECT FROM orders.orders WHERE status IN ('pending', 'cancelling')) AND
        (SELECT count(*) FROM notifications.message) >= 2 * (SELECT count(*) FROM orders.orders)") == t ]]; do
        ((SECONDS < deadline)) || fail "orders are still under way after 120 s: see $state/log"
        sleep 0.2
    done
    calculate "$EPOCHREALTIME - $began" %.1f
}

# ended SINCE UNTIL: prints how many orders ended then, from the shop's own books and by its own clock.
ended() {
    sql "SELECT count(*) FROM orders.orders
        WHERE status IN ('confirmed', 'cancelled') AND updated_at >= '$1' AND updated_at < '$2'"
}
