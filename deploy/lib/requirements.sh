# shellcheck shell=bash disable=SC2154
# What the shop needs from the machine: a toolchain, distribution packages, disk space, free ports. Sourced.

# toolchain: the Swift that Package.swift asks for, or a line that says what to do.
toolchain() {
    local wanted found
    wanted=$(sed -n '1s/.*swift-tools-version: *//p' "$root/Package.swift")
    command -v swift > /dev/null ||
        fail "swift is not on the PATH: install Swift $wanted or later (https://www.swift.org/install/linux)"
    found=$(swift --version 2>&1 | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -1)
    [[ -n $found ]] || fail "swift does not run: try 'swift --version'"
    [[ $(printf '%s\n' "$wanted" "$found" | sort -V | head -1) == "$wanted" ]] ||
        fail "Swift $found is too old: install $wanted or later (https://www.swift.org/install/linux)"
}

# packages [NAME...]: installs the distribution's packages that are missing, and NAMEs; says nothing when none is.
packages() {
    local missing=("$@") pair
    command -v pkg-config > /dev/null || missing+=(pkg-config)
    command -v curl > /dev/null || missing+=(curl)
    for pair in rdkafka:librdkafka-dev libpq:libpq-dev libmicrohttpd:libmicrohttpd-dev libcurl:libcurl4-openssl-dev \
        jemalloc:libjemalloc-dev; do
        pkg-config --exists "${pair%%:*}" 2> /dev/null || missing+=("${pair##*:}")
    done
    if [[ -z ${DATABASE_URL:-} ]] && ! postgres_bin > /dev/null; then missing+=(postgresql); fi
    if [[ -n ${KAFKA_HOME:-} ]] && ! command -v java > /dev/null; then missing+=(default-jre-headless); fi
    if [[ ${KAFKA_SECURITY:-none} != none ]] && ! command -v openssl > /dev/null; then missing+=(openssl); fi
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
    # Ubuntu 22.04 has all of them, and compiles for minutes before it finds out.
    for pair in rdkafka:2.0.2 libcurl:7.85; do
        pkg-config --atleast-version "${pair##*:}" "${pair%%:*}" ||
            fail "${pair%%:*} is $(pkg-config --modversion "${pair%%:*}"), and the shop needs ${pair##*:} or later: Debian 12 and Ubuntu 24.04 have it"
    done
}

install_packages() {
    local log=$state/log/apt.log prefix=()
    command -v apt-get > /dev/null || fail "please install what these Debian packages hold: $*"
    if ((EUID != 0)); then
        command -v sudo > /dev/null || fail "not root, and no sudo: have root run 'apt-get install $*'"
        sudo true || fail "sudo does not let us in: have root run 'apt-get install $*'"
        prefix=(sudo)
    fi
    prefix+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    say "installing $*"
    # The lists of a fresh machine are empty or stale: fetched only when the first try fails.
    "${prefix[@]}" install -y --no-install-recommends "$@" > "$log" 2>&1 ||
        { "${prefix[@]}" update && "${prefix[@]}" install -y --no-install-recommends "$@"; } >> "$log" 2>&1 ||
        fail "apt-get could not install $*: $(grep -m 1 '^E:' "$log" || echo "see $log")"
}

# disk MEGABYTES PURPOSE: fails unless that much is free where the project lies.
disk() {
    local free
    free=$(($(df -Pk "$root" | awk 'NR == 2 { print $4 }') / 1024))
    ((free >= $1)) || fail "only $free MB of disk are free at $root; $2 needs $1 MB"
}

declare -A meant_for=()         # by port, who is to have it

# port_free NAME VARIABLE [PORT]: fails when another program has the port that NAME is to have, or is to have it as well.
port_free() {
    local port=${3:-${!2}}
    [[ $port =~ ^[1-9][0-9]{0,4}$ && $port -lt 65536 ]] || fail "$2=$port is not a port"
    ! port_open "$port" || fail "port $port, meant for $1, is taken by another program: set $2 to a free one"
    [[ ${meant_for[$port]:-$1} == "$1" ]] || fail "port $port is meant for ${meant_for[$port]} and for $1: set $2 to another one"
    meant_for[$port]=$1
}

# free_port: prints a port that nobody has, and whose neighbour is free too.
free_port() {
    local port
    for ((port = 15000 + RANDOM % 15000; ; port += 2)); do
        port_open "$port" || port_open "$((port + 1))" || break
    done
    printf '%s' "$port"
}

# build: the release build of everything, without the tests; a second or so when nothing changed.
build() {
    local log=$state/log/build.log
    disk 1500 "the build"
    [[ -x $root/.build/release/notifications ]] || say "building (a few minutes the first time; $log)"
    if ! (cd "$root" && swift build -c release --static-swift-stdlib) > "$log" 2>&1 9>&-; then
        ! grep -q "No space left on device" "$log" || fail "the disk is full: the build needs about 1500 MB"
        build_failed "$log"
    fi
}

# build_failed LOG: says why, and fails.
build_failed() {
    # What the compiler keeps of C modules has absolute paths in it.
    ! grep -qE "compiled with module cache path|missing required module 'SwiftShims'" "$1" ||
        fail "what .build holds was made in another folder or by another Swift: rm -rf .build, then again"
    grep -m 5 "error:" "$1" >&2 || tail -n 5 "$1" >&2
    fail "the build failed: see $1"
}
