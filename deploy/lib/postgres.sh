# shellcheck shell=bash disable=SC2154
# A Postgres cluster of the shop's own, under $state/postgres, on loopback. Sourced.

# postgres_bin [VERSION]: prints the folder of the server's programs, the newest or VERSION's.
postgres_bin() {
    local found=("/usr/lib/postgresql/${1:-}"*/bin/initdb)
    if [[ -x ${found[0]} ]]; then
        dirname "$(printf '%s\n' "${found[@]}" | sort -V | tail -1)"
    elif command -v initdb > /dev/null; then
        dirname "$(readlink -f "$(command -v initdb)")"
    else
        return 1
    fi
}

# unprivileged: sets the words to put before a command so that root runs it as somebody else: Postgres refuses root.
unprivileged() {
    as_user=()
    ((EUID == 0)) || return 0
    postgres_user=$(id -un postgres 2> /dev/null || echo nobody)
    as_user=(setpriv "--reuid=$postgres_user" "--regid=$(id -g "$postgres_user")" --init-groups --)
}

# postgres_folder: prints where the data lie. Where Postgres's user can't walk to $state (a clone under /root), they
# lie in that user's home, and $state/postgres points there.
postgres_folder() {
    local data=$state/postgres home
    if [[ ! -e $data ]] && ! "${as_user[@]}" test -x "$state" 2> /dev/null; then
        home=$(getent passwd "$postgres_user" | cut -d: -f6)
        ln -sfn "$home/quadrille-$(printf '%s' "$state" | cksum | cut -d' ' -f1)" "$data"
    fi
    readlink -m "$data"
}

# postgres_create FOLDER: a new cluster, moved into place when it is complete. Its administrator is `shop`.
postgres_create() {
    local data=$1 made=$1.new log=$state/log/initdb.log
    rm -rf "$data" "$made"
    mkdir -p "$made" && chmod 700 "$made"
    [[ -z ${as_user[*]} ]] || chown "$postgres_user:" "$made"
    # The password goes through a pipe that the inner bash makes: one of ours, Postgres's user may not open.
    # shellcheck disable=SC2016
    secret shop | (cd / && "${as_user[@]}" bash -c '"$@" --pwfile=<(cat)' - "$(postgres_bin)/initdb" -D "$made" \
        -U shop --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --lc-collate=C --data-checksums) > "$log" 2>&1 ||
        fail "initdb failed: $(grep -im 1 error "$log" || tail -n 1 "$log")"
    mv -T "$made" "$data"
}

# postgres_start [SETTING...]: starts the cluster, made first where there is none, and in it the database `shop`;
# sets DATABASE_URL, the administrator's. The sizes leave room for what else the machine does. Every query goes by a key, so
# ANALYZE looks at a tenth of the rows it would: of tables that grow, all day long, that was 2 % of the processor.
postgres_start() {
    local data bin memory disk setting settings=()
    unprivileged
    data=$(postgres_folder)
    [[ -s $data/PG_VERSION ]] || postgres_create "$data"
    bin=$(postgres_bin "$(< "$data/PG_VERSION")") ||
        fail "the data in $data are of Postgres $(< "$data/PG_VERSION"), which is not installed"
    memory=$(awk '/^MemTotal/ { print int($2 / 1024 / 8) }' /proc/meminfo)
    disk=$(df -Pk "$data" | awk 'NR == 2 { print int($4 / 1024 / 4) }')
    for setting in listen_addresses=127.0.0.1 "port=$POSTGRES_PORT" unix_socket_directories= \
        "shared_buffers=$((memory < 1024 ? memory : 1024))MB" "max_wal_size=$((disk < 4096 ? disk : 4096))MB" \
        checkpoint_timeout=15min jit=off default_statistics_target=10 "log_line_prefix=%m [%p] %q%u " "$@"; do
        settings+=(-c "$setting")
    done
    postgres_gone "$data"
    launch postgres "${as_user[@]}" "$bin/postgres" -D "$data" "${settings[@]}"
    await postgres 60 "$bin/pg_isready" -q -h 127.0.0.1 -p "$POSTGRES_PORT"
    printf '%s' "$POSTGRES_PORT" > "$state/run/postgres.port"
    postgres_address
    as_administrator psql shop -Xqc '' 2> /dev/null ||
        as_administrator psql postgres -Xqc 'CREATE DATABASE shop' ||
        fail "the cluster in $data does not let its own administrator in"
}

# postgres_gone FOLDER: waits until a server that was killed has left the process table, with its children: Postgres
# rightly refuses to start beside them. Five seconds at most, since the number may be another program's by now.
postgres_gone() {
    local old tries
    read -r old 2> /dev/null < "$1/postmaster.pid" || return 0
    for ((tries = 0; tries < 50; tries++)); do
        [[ -d /proc/$old ]] || break
        sleep 0.1
    done
    sleep 0.3
}

# as_administrator PROGRAM DATABASE [WORD...]: runs one of Postgres's programs. The password is no word of its command,
# since everybody on the machine may read those.
as_administrator() {
    local program=$1 address
    address=postgres://shop@127.0.0.1:$(< "$state/run/postgres.port")/$2
    shift 2
    PGPASSWORD=$(secret shop) "$(postgres_bin)/$program" "$@" "$address"
}

# postgres_address: sets DATABASE_URL for the running cluster.
postgres_address() {
    DATABASE_URL="postgres://shop:$(secret shop)@127.0.0.1:$(< "$state/run/postgres.port")/shop"
    postgres_told
}

# postgres_told: leaves DATABASE_URL in a file, for the tool `shop` and for people: psql "$(< FILE)".
postgres_told() { (umask 077 && printf '%s\n' "$DATABASE_URL" > "$state/database-url"); }

# url_for ROLE: prints DATABASE_URL with ROLE and its password in place of the administrator's.
url_for() {
    local password=${1^^}_DATABASE_PASSWORD
    printf 'postgres://%s:%s@%s' "$1" "$(percent_encoded "${!password}")" "$(without_user)"
}

# without_user: prints what DATABASE_URL says behind the administrator's name and password. They may stand in the query
# as well (?user=...&password=...), where libpq heeds them more than those in front of the host.
without_user() {
    local rest=${DATABASE_URL#*://} kept=() words=() word
    [[ ${rest%%[/?]*} != *@* ]] || rest=${rest#*@}
    if [[ $rest == *\?* ]]; then
        IFS='&' read -ra words <<< "${rest#*\?}"
        for word in "${words[@]}"; do
            [[ ${word%%=*} == user || ${word%%=*} == password ]] || kept+=("$word")
        done
        rest=${rest%%\?*}$( ((${#kept[@]} == 0)) || (IFS='&' && printf '?%s' "${kept[*]}"))
    fi
    printf '%s' "$rest"
}

# percent_encoded TEXT: prints it as it may stand anywhere in a URL, byte by byte.
percent_encoded() {
    local LC_ALL=C text=$1 byte code i
    for ((i = 0; i < ${#text}; i++)); do
        byte=${text:i:1}
        printf -v code %d "'$byte"
        if [[ $byte == [A-Za-z0-9._~-] ]]; then printf '%s' "$byte"; else printf '%%%02X' "$((code & 255))"; fi
    done
}
