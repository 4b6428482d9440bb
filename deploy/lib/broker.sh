# shellcheck shell=bash disable=SC2154
# The broker: one that is given, the Apache Kafka in KAFKA_HOME, or the local broker. Sourced.

# shellcheck source=security.sh
source "${BASH_SOURCE[0]%/*}/security.sh"

# broker_start: starts what is to be started; sets KAFKA_BOOTSTRAP_SERVERS and broker_kind (given, apache, local).
broker_start() {
    if [[ -n ${KAFKA_BOOTSTRAP_SERVERS:-} ]] && ! own_broker "$KAFKA_BOOTSTRAP_SERVERS"; then
        broker_kind=given
        ! running kafka || fail "a broker of deploy/up still runs, and KAFKA_BOOTSTRAP_SERVERS names another: deploy/down first"
        printf given > "$state/run/kafka.kind"
        printf none > "$state/run/kafka.security"
        return
    fi
    if running kafka; then
        broker_kind=$(< "$state/run/kafka.kind")
        [[ $broker_kind == apache || -z ${KAFKA_HOME:-} ]] ||
            fail "the shop runs on the local broker: deploy/down first, to start it with KAFKA_HOME"
    elif [[ -n ${KAFKA_HOME:-} ]]; then
        broker_kind=apache
        apache_start
    else
        broker_kind=local
        rm -f "$state/run/kafka.address"
        launch kafka "$root/.build/${build_kind:-release}/local-broker" --address-file "$state/run/kafka.address" \
            ${KAFKA_PARTITIONS:+--partitions "$KAFKA_PARTITIONS"}
        await kafka 20 test -s "$state/run/kafka.address"
    fi
    printf '%s' "$broker_kind" > "$state/run/kafka.kind"
    printf '%s' "${KAFKA_SECURITY:-none}" > "$state/run/kafka.security"
    KAFKA_BOOTSTRAP_SERVERS=$(< "$state/run/kafka.address")
}

# own_broker ADDRESS: whether the broker that runs here answers there.
own_broker() { running kafka && [[ ${1/#localhost:/127.0.0.1:} == "$(< "$state/run/kafka.address")" ]]; }

# broker_stays: fails where the shop ran on a broker that only another shell names, and deploy/down has not ended it:
# on a local one in its place the services would publish everything again.
broker_stays() {
    [[ -z ${KAFKA_BOOTSTRAP_SERVERS:-}${KAFKA_HOME:-} ]] && ! running kafka || return 0
    case $(cat "$state/run/kafka.kind" 2> /dev/null) in
        apache) fail "the shop last ran on Apache Kafka: set KAFKA_HOME, or deploy/down first to change" ;;
        given) fail "the shop last ran on the Kafka at $(cat "$state/run/bootstrap"): set KAFKA_BOOTSTRAP_SERVERS, or deploy/down first to change" ;;
    esac
}

# kafka_options: what the broker's JVM is started with. For a broker that lives an evening beside everything else the
# optimizing compiler would take more than half of what Kafka takes in its first minute, and what it makes of a shop of
# this size is hardly faster.
kafka_options() {
    export KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xmx512m}
    export KAFKA_JVM_PERFORMANCE_OPTS=${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseSerialGC -XX:TieredStopAtLevel=1}
}

# apache_start: one node, broker and controller, its data under $state/kafka. The controller's port is the next one.
# KAFKA_PROXIED_PORT is for who puts something between the broker and its clients: what comes in by the port after it
# is told to come by it.
apache_start() {
    local data=$state/kafka properties=$state/run/kafka.properties log=$state/log/kafka-format.log
    local address=127.0.0.1:$KAFKA_PORT controller=127.0.0.1:$((KAFKA_PORT + 1)) proxied='' advertised=''
    local clients=PLAINTEXT controllers=PLAINTEXT
    if [[ -n ${KAFKA_PROXIED_PORT:-} ]]; then
        proxied=,PROXIED://127.0.0.1:$((KAFKA_PROXIED_PORT + 1)) advertised=,PROXIED://127.0.0.1:$KAFKA_PROXIED_PORT
    fi
    [[ -x $KAFKA_HOME/bin/kafka-server-start.sh ]] || fail "KAFKA_HOME=$KAFKA_HOME holds no bin/kafka-server-start.sh"
    port_free kafka KAFKA_PORT
    port_free "kafka's controller (KAFKA_PORT + 1)" KAFKA_PORT "$((KAFKA_PORT + 1))"
    # What is in the topics is for who may read them.
    mkdir -p "$data" && chmod 700 "$data"
    case ${KAFKA_SECURITY:-none} in
        tls) clients=SSL controllers=SSL ;;
        sasl) clients=SASL_SSL controllers=SSL ;;
    esac
    # They may hold passwords.
    rm -f "$properties" "$state/run/shop.properties"
    if secured; then
        certificates
        (umask 077 && tool_properties "$state/tls/"{ca,shop}.pem > "$state/run/shop.properties")
    fi
    (umask 077 && broker_security > "$properties")
    cat >> "$properties" << END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
controller.listener.names=CONTROLLER
listeners=$clients://$address,CONTROLLER://$controller$proxied
advertised.listeners=$clients://$address$advertised
inter.broker.listener.name=$clients
listener.security.protocol.map=CONTROLLER:$controllers,$clients:$clients,PROXIED:$clients
log.dirs=$data
auto.create.topics.enable=false
num.partitions=3
offsets.topic.replication.factor=1
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
END
    kafka_options
    # Apache's scripts take it apart where it has a space, as the way to this folder may.
    export LOG_DIR=${state#"$root/"}/log/kafka
    # A new folder is a new cluster with a new id, by which the services know that its topics are empty.
    [[ -f $data/meta.properties ]] ||
        "$KAFKA_HOME/bin/kafka-storage.sh" format -c "$properties" \
            -t "$("$KAFKA_HOME/bin/kafka-storage.sh" random-uuid 2> "$log")" >> "$log" 2>&1 ||
        fail "Kafka could not format $data: $(tail -n 1 "$log")"
    launch kafka "$KAFKA_HOME/bin/kafka-server-start.sh" "$properties"
    await kafka 60 port_open "$KAFKA_PORT"
    printf '%s' "$address" > "$state/run/kafka.address"
}
