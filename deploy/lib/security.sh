# shellcheck shell=bash disable=SC2154
# How the Apache Kafka that deploy/up starts and its clients know each other, by KAFKA_SECURITY: `none`; `tls`, by
# certificates of both; `sasl`, by the broker's certificate and a password. Sourced; `certificates` beside it makes by
# this what containers have.

# security_settled: fails unless KAFKA_SECURITY is what the broker is or can be. Unset, it is what the shop runs with.
security_settled() {
    local last=''
    [[ ! -f $state/run/kafka.kind ]] || last=$(cat "$state/run/kafka.security" 2> /dev/null || echo none)
    if [[ -n ${KAFKA_BOOTSTRAP_SERVERS:-} ]] && ! own_broker "$KAFKA_BOOTSTRAP_SERVERS"; then
        [[ ${KAFKA_SECURITY:-none} == none ]] ||
            fail "KAFKA_SECURITY is for a broker that deploy/up starts; for the one KAFKA_BOOTSTRAP_SERVERS names set KAFKA_SSL_... and KAFKA_SASL_..."
        KAFKA_SECURITY=none
        return
    fi
    : "${KAFKA_SECURITY:=${last:-none}}"
    [[ $KAFKA_SECURITY == none || $KAFKA_SECURITY == tls || $KAFKA_SECURITY == sasl ]] ||
        fail "KAFKA_SECURITY is none, tls or sasl, not $KAFKA_SECURITY"
    [[ -z $last || $last == "$KAFKA_SECURITY" ]] ||
        fail "the shop last ran with KAFKA_SECURITY=$last: deploy/down first to change"
    [[ $KAFKA_SECURITY == none || -n ${KAFKA_HOME:-} ]] || running kafka ||
        fail "KAFKA_SECURITY=$KAFKA_SECURITY takes an Apache Kafka, and the local broker knows no such thing: set KAFKA_HOME"
}

secured() { [[ ${KAFKA_SECURITY:-none} != none ]]; }

# certify NAME [EXTENSION...]: makes NAME's key and certificate once and keeps them, in the one file $state/tls/NAME.pem;
# the authority's key lies beside its certificate, which others get to see.
certify() {
    local name=$1 folder=$state/tls log=$state/log/openssl.log signed=() key=$1.pem.new
    shift
    [[ ! -s $folder/$name.pem ]] || return 0
    if [[ $name == ca ]]; then key=ca.key; else signed=(-CA "$folder/ca.pem" -CAkey "$folder/ca.key"); fi
    # A configuration of its own, since distributions differ in what theirs adds.
    (umask 077 && mkdir -p "$folder" && rm -f "$folder/$name.pem.new" &&
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$name" \
            "${signed[@]}" -keyout "$folder/$key" -out "$folder/$name.pem.new" -extensions these \
            -config <(printf '%s\n' '[req]' distinguished_name=none '[none]' '[these]' "$@")) > "$log" 2>&1 ||
        fail "openssl could not make the certificate of $name: $(tail -n 1 "$log")"
    mv "$folder/$name.pem.new" "$folder/$name.pem"
}

certificates() {
    local name
    certify ca basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign
    # As a broker it is a server, and a client of the controller; containers know it as kafka.
    certify kafka subjectAltName=DNS:kafka,DNS:localhost,IP:127.0.0.1 extendedKeyUsage=serverAuth,clientAuth
    [[ $KAFKA_SECURITY == tls ]] || return 0
    for name in "${services[@]}" shop; do certify "$name" extendedKeyUsage=clientAuth; done
}

# identify NAME: sets `identity` to the settings by which the broker knows NAME, as words for env. Whatever else the
# environment says of other brokers is not for this one.
identify() {
    identity=()
    secured || return 0
    identity=("KAFKA_SSL_"{CERTIFICATE,KEY}"_FILE=" "KAFKA_SASL_"{MECHANISM,USERNAME,PASSWORD,PASSWORD_FILE}"=")
    identity+=("KAFKA_SSL_CA_FILE=$state/tls/ca.pem")
    case $KAFKA_SECURITY in
        tls) identity+=("KAFKA_SSL_"{CERTIFICATE,KEY}"_FILE=$state/tls/$1.pem") ;;
        sasl)
            secret "kafka-$1" > /dev/null
            identity+=("KAFKA_SASL_MECHANISM=PLAIN" "KAFKA_SASL_USERNAME=$1"
                "KAFKA_SASL_PASSWORD_FILE=$state/secrets/kafka-$1")
            ;;
    esac
}

# broker_security: prints the broker's settings. It is a client of its own controller, by its certificate also where
# clients show passwords, and may do everything; so may `shop`, the administrator.
broker_security() {
    local name users=''
    secured || return 0
    cat << END
ssl.keystore.type=PEM
ssl.keystore.location=$state/tls/kafka.pem
ssl.truststore.type=PEM
ssl.truststore.location=$state/tls/ca.pem
ssl.client.auth=required
ssl.principal.mapping.rules=RULE:^CN=([a-z]+)\$/\$1/,DEFAULT
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:kafka;User:shop
END
    [[ $KAFKA_SECURITY == sasl ]] || return 0
    for name in kafka "${services[@]}" shop; do users+=" user_$name=\"$(secret "kafka-$name")\""; done
    cat << END
listener.name.sasl_ssl.ssl.client.auth=none
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=$(plain_login kafka)$users;
END
}

# tool_properties CA CERTIFICATE: prints what Kafka's own tools need to be whom the certificate is of; by passwords they
# are `shop`.
tool_properties() {
    printf '%s\n' ssl.truststore.type=PEM "ssl.truststore.location=$1"
    case $KAFKA_SECURITY in
        tls) printf '%s\n' security.protocol=SSL ssl.keystore.type=PEM "ssl.keystore.location=$2" ;;
        sasl) printf '%s\n' security.protocol=SASL_SSL sasl.mechanism=PLAIN "sasl.jaas.config=$(plain_login shop);" ;;
    esac
}

plain_login() {
    printf '%s required username="%s" password="%s"' org.apache.kafka.common.security.plain.PlainLoginModule \
        "$1" "$(secret "kafka-$1")"
}
