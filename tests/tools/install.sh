#!/bin/sh
# Installs, as root on a Debian-like machine, what the tests need: an engine, Compose 2, HAProxy, MariaDB, Apprise,
# servers of SSH and of restic, yamllint, strace, valgrind,
# what unpacks and runs the userlands of other processors, what makes fresh hosts and signs their packages, a browser, and what makes
# and runs whole machines, and sticks for them.
# Compose comes from the next Debian where this one has only version 1. Running it again changes nothing.
set -eu

NEXT_SUITE=trixie
HAPROXY_LINE=3.2
HAPROXY_SUITE=forky
HAPROXY=/usr/local/lib/infrakit-haproxy
REST_SERVER=/usr/local/lib/infrakit-rest-server
COMPOSE=/usr/local/lib/infrakit-compose
PLUGINS=/usr/local/lib/docker/cli-plugins
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# Somebody else may be at apt, and a mirror may be busy.
PATIENT="-o DPkg::Lock::Timeout=600 -o Acquire::Retries=5"

# A package of another suite, unpacked and not installed, without adding that suite to the machine's own sources:
# unpacked SUITE NAME FOLDER
unpacked() {
    [ -e "$3/whole" ] && return
    suite=$1 name=$2 place=$3
    rm -rf "$place"
    mkdir -p "$place"
    folder=$(mktemp -d)
    mirror=$(debian_mirror)
    echo "deb [signed-by=$KEYRING] $mirror $suite main" > "$folder/sources.list"
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    chmod 755 "$folder"
    set -- -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root \
        -o Acquire::Retries=5 -o Acquire::Check-Valid-Until=false
    apt-get "$@" update -q
    (cd "$folder" && apt-get "$@" download -q "$name")
    dpkg-deb -x "$folder/$name"_*.deb "$place"
    rm -rf "$folder"
    touch "$place/whole"
}

# The daemon is not started: tests start their own.
install_ssh_server() {
    [ -e /usr/sbin/sshd ] && return
    policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy" && made=yes; }
    install_packages openssh-server
    [ -z "${made-}" ] || rm "$policy"
}

install_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -z "$missing" ] && return
    # shellcheck disable=SC2086 # lists of words
    apt-get $PATIENT update -q
    # shellcheck disable=SC2086 # lists of words
    DEBIAN_FRONTEND=noninteractive apt-get $PATIENT install -q -y --no-install-recommends $missing
}

has_compose() {
    docker compose version --short 2>/dev/null | grep -Eq '^v?([2-9]|[1-9][0-9])\.'
}

debian_mirror() {
    mirror=$(sed -n 's,^\(deb \(\[[^]]*\] \)\?\|URIs: \)\(https\?://[^ ]*/debian\)\/\?\( .*\|$\),\3,p' \
        /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null | head -n 1)
    [ -n "$mirror" ] || { echo "no Debian mirror among this machine's apt sources" >&2; return 1; }
    echo "$mirror"
}

# HAProxy of the line that the socket proxy's image has, in a folder with the libraries of its own Debian. A mirror may be behind.
install_haproxy() {
    "$HAPROXY/run" -v 2>/dev/null | grep -q "version $HAPROXY_LINE\." && return
    rm -rf "$HAPROXY"
    mirror=$(debian_mirror)
    mmdebstrap --quiet --variant=extract --include=haproxy --aptopt='Acquire::Check-Valid-Until "false"' \
        --aptopt='Acquire::Retries "5"' "$HAPROXY_SUITE" "$HAPROXY" "$mirror"
    for loader in "$HAPROXY"/usr/lib*/ld-linux*.so.*; do break; done
    libraries=$(echo "$HAPROXY"/usr/lib/*-linux-gnu*)
    printf '#!/bin/sh\nexec %s --library-path %s %s/usr/sbin/haproxy "$@"\n' "$loader" "$libraries" "$HAPROXY" > "$HAPROXY/run"
    chmod 755 "$HAPROXY/run"
    "$HAPROXY/run" -v | grep "version $HAPROXY_LINE\."
}

install_compose() {
    has_compose && return
    if apt-cache policy docker-compose-v2 2>/dev/null | grep -q 'Candidate: [0-9]'; then
        install_packages docker-compose-v2
        has_compose && return
    fi
    unpacked "$NEXT_SUITE" docker-compose "$COMPOSE"
    install -D -m 755 "$COMPOSE/usr/libexec/docker/cli-plugins/docker-compose" "$PLUGINS/docker-compose"
    has_compose
}

install_packages docker.io restic mariadb-server-core mariadb-client yamllint iptables openssl strace valgrind git \
    python3-venv mmdebstrap qemu-user-static gpg openssh-client chromium chromium-driver libnss3-tools \
    qemu-system-x86 e2fsprogs cpio dosfstools mtools iproute2 zstd shellcheck sqlite3 apprise
install_compose
install_haproxy
install_ssh_server
unpacked "$HAPROXY_SUITE" restic-rest-server "$REST_SERVER"
docker compose version
