# shellcheck shell=bash disable=SC2154
# The services as processes of this machine. Sourced.

# start_service NAME [NUMBER]: with an environment of its own; what is left to the service's defaults is not named here.
# With a NUMBER, one more instance beside the first, known as NAME-NUMBER, on a port that nobody has and without metrics.
start_service() {
    local name=$1${2:+-$2} port metrics='' url gateway identity
    if [[ -n ${2:-} ]]; then port=$(free_port); else port=$(port_of "$1") metrics=$(port_of "$1_metrics"); fi
    url=$(url_for "$1") gateway=$(url_for gateway)
    local -x DATABASE_URL=$url KAFKA_BOOTSTRAP_SERVERS=$KAFKA_BOOTSTRAP_SERVERS HTTP_PORT=$port METRICS_PORT=$metrics
    [[ $1 != payments ]] || local -x GATEWAY_DATABASE_URL=$gateway
    if [[ $broker_kind == local ]]; then
        # It has no long polls, does not know static members, and lets a group wait for those that are gone.
        local -x KAFKA_FETCH_WAIT_MS=${KAFKA_FETCH_WAIT_MS:-5} KAFKA_SESSION_TIMEOUT_MS=${KAFKA_SESSION_TIMEOUT_MS:-4000}
    else
        local -x KAFKA_INSTANCE_ID=${2:-${KAFKA_INSTANCE_ID:-1}}
    fi
    # A broker of ours that is new was made by us: the services refill it. One that was given needs a person's word.
    [[ $broker_kind == given ]] || local -x KAFKA_ON_NEW_CLUSTER=${KAFKA_ON_NEW_CLUSTER:-rewind}
    identify "$1"
    launch "$name" "${identity[@]}" "$root/.build/release/$1"
    printf '%s' "$port" > "$state/run/$name.port"
    reachable "${HTTP_HOST:-127.0.0.1}" > "$state/run/$name.host"
}

# reachable HOST: prints the host of a URL by which this machine reaches what listens on HOST.
reachable() {
    case $1 in
        0.0.0.0) printf 127.0.0.1 ;;
        ::) printf '[::1]' ;;
        *:*) printf '[%s]' "$1" ;;
        *) printf '%s' "$1" ;;
    esac
}

# url_of NAME: prints where the service that was started as NAME answers.
url_of() {
    printf 'http://%s:%s' "$(cat "$state/run/$1.host" 2> /dev/null || printf 127.0.0.1)" "$(< "$state/run/$1.port")"
}

# The shop's own parts are never behind a proxy, whatever http_proxy says.
ready() { curl -fsS -m 2 --noproxy '*' "$(url_of "$1")/readyz"; }
