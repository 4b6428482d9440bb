# shellcheck shell=bash disable=SC2034
# What deploy/up, deploy/down and deploy/test share: messages, settings, and processes known by pid files.
# Sourced, never run. Sourcing sets variables and starts nothing.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
state=${state:-$root/.local}    # everything that the scripts write, but for the build in .build
services=(orders inventory payments notifications sales)
started=()                      # the names that this run has started, in order
declare -A said_before=()       # how long their logs were then
# Whoever names a folder means it from where he stands, and the scripts go to $root.
[[ -z ${KAFKA_HOME:-} ]] || KAFKA_HOME=$(readlink -m -- "$KAFKA_HOME")

# A reader that went away (deploy/up | head -1) is no reason to stop half way.
trap : PIPE
say() { printf '%s\n' "quadrille: $*" 2> /dev/null || true; }
fail() { printf '%s\n' "quadrille: $*" >&2; exit 1; }

# dotenv: what .env sets (docker compose reads it too) and the environment does not. Quotes, comments behind a value, the
# word `export` and the line ends of Windows mean to us what they mean to compose.
dotenv() {
    local line name value
    local set='^[[:space:]]*(export[[:space:]]+)?([A-Z][A-Z0-9_]*)=(.*)$'
    local quoted='^"([^"]*)"[[:space:]]*(#.*)?$' literal="^'([^']*)'[[:space:]]*(#.*)?\$"
    [[ -f $root/.env ]] || return 0
    while IFS= read -r line || [[ -n $line ]]; do
        [[ ${line%$'\r'} =~ $set ]] || continue
        name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
        if [[ $value =~ $quoted || $value =~ $literal ]]; then
            value=${BASH_REMATCH[1]}
        else
            value=${value%%[[:space:]]#*}
            value=${value%"${value##*[![:space:]]}"}
        fi
        [[ -z $value || -n ${!name+set} ]] || export "$name=$value"
    done < "$root/.env"
}

# settings: the defaults of what neither the environment nor .env says, and the folders to write to.
settings() {
    : "${ORDERS_PORT:=8080}" "${INVENTORY_PORT:=8081}" "${PAYMENTS_PORT:=8082}" "${NOTIFICATIONS_PORT:=8083}"
    : "${SALES_PORT:=8084}"
    : "${ORDERS_METRICS_PORT:=9180}" "${INVENTORY_METRICS_PORT:=9181}"
    : "${PAYMENTS_METRICS_PORT:=9182}" "${NOTIFICATIONS_METRICS_PORT:=9183}" "${SALES_METRICS_PORT:=9184}"
    : "${POSTGRES_PORT:=5433}" "${KAFKA_PORT:=9092}"
    # These are for `shop setup`, and for no service.
    export -n {ORDERS,INVENTORY,PAYMENTS,NOTIFICATIONS,SALES,GATEWAY}_DATABASE_PASSWORD
    { mkdir -p "$state"/{run,log,secrets} 2> /dev/null && [[ -w $state/run && -w $state/log ]]; } ||
        fail "can't write to $state: is it another user's, or the disk full?"
    chmod 700 "$state/secrets"
}

port_of() { local name=${1^^}_PORT; printf '%s' "${!name}"; }
port_open() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# secret NAME: prints NAME's password; made up once and kept, so that a restart finds the same.
secret() {
    local file=$state/secrets/$1
    [[ -s $file ]] || (umask 077 && head -c 24 /dev/urandom | base64 | tr '+/' '-_' > "$file")
    cat "$file"
}

# passwords: sets ORDERS_DATABASE_PASSWORD and its like, one for each role, to what was given or made up.
passwords() {
    local role name
    for role in "${services[@]}" gateway; do
        name=${role^^}_DATABASE_PASSWORD
        printf -v "$name" '%s' "${!name:-$(secret "$role")}"
    done
}

# lock: one script at a time changes what runs. `unlock` when done; processes started meanwhile don't inherit it.
lock() {
    exec 9> "$state/run/lock"
    flock -n 9 || { say "waiting for another deploy/up or deploy/down to finish"; flock -w 600 9 || fail "gave up"; }
}
unlock() { exec 9>&-; }

# running NAME: sets pid; true while the process that was started under NAME lives. A pid alone may belong to
# somebody else by now, so the file keeps the process's start time too. A zombie has ended.
running() {
    local began now
    pid=
    read -r pid began 2>/dev/null < "$state/run/$1.pid" || return 1
    now=$(began_at "$pid") && [[ $now == "$began" ]]
}

began_at() {
    local line fields
    line=$(cat "/proc/$1/stat" 2>/dev/null) && [[ -n $line ]] || return 1
    read -ra fields <<< "${line##*) }"
    [[ ${fields[0]} != Z ]] && printf '%s' "${fields[19]}"
}

# launch NAME COMMAND...: starts it in a session of its own, so that Ctrl-C reaches only the script, which then ends
# things in order. A signal that comes between start and pid file is kept until the file is there.
launch() {
    local name=$1 interrupted=0 traps
    shift
    traps=$(trap -p INT TERM HUP)
    [[ ! -f $state/log/$name.log || $(stat -c %s "$state/log/$name.log") -lt 20000000 ]] ||
        mv "$state/log/$name.log" "$state/log/$name.log.1"
    said_before[$name]=$(stat -c %s "$state/log/$name.log" 2> /dev/null || echo 0)
    trap 'interrupted=1' INT TERM HUP
    # A shell starts what runs in its background with SIGINT ignored; `env` gives the signal back.
    setsid env --default-signal=INT,QUIT "$@" < /dev/null >> "$state/log/$name.log" 2>&1 9>&- &
    printf '%s %s\n' "$!" "$(began_at "$!" || echo 0)" > "$state/run/$name.pid"
    disown "$!" # or bash would print a line when it ends
    started+=("$name")
    trap - INT TERM HUP
    eval "$traps"
    ((!interrupted)) || exit 130
}

# await NAME SECONDS COMMAND...: waits until COMMAND succeeds; fails with NAME's last words when it ended or took longer.
await() {
    local name=$1 deadline=$((SECONDS + $2)) why="was not ready in $2 seconds"
    shift 2
    until "$@" > /dev/null 2>&1; do
        running "$name" || why="ended at once"
        if [[ $why == ended* ]] || ((SECONDS >= deadline)); then
            tail -c "+$((${said_before[$name]:-0} + 1))" "$state/log/$name.log" | tail -n 5 >&2
            fail "$name $why; its log is $state/log/$name.log"
        fi
        sleep 0.1
    done
}

# halt SIGNAL SECONDS NAME...: ends them together. One that outlives its seconds is killed: that loses nothing here.
halt() {
    local signal=$1 deadline=$((SECONDS + $2)) name
    shift 2
    for name; do
        ! running "$name" || kill "-$signal" "$pid" || fail "not allowed to end $name (process $pid)"
    done
    for name; do
        while running "$name"; do
            ((SECONDS < deadline)) || { say "$name does not end; killing it"; kill -KILL "$pid"; }
            sleep 0.1
        done
        rm -f "$state/run/$name.pid"
    done
}
