#!/bin/bash
# `make test-compose`: docker-compose.yml and its images built and run for real, in a copy of this checkout.
# Where no engine can be started it says "skipped" and is no failure.  Where no registry answers, stand-ins of the
# public base images are made from a Debian mirror (standin-images.sh): such a run does not prove the official
# images' own patch versions.
set -euo pipefail
cd "$(dirname "$0")/../.."
checkout=$PWD
skip() {
    printf '\n%s\nSKIPPED: make test-compose: %s\n%s\n\n' "$(printf '=%.0s' {1..78})" "$1" "$(printf '=%.0s' {1..78})" >&2
    exit 0
}

[ "${CI_DOCKER:-1}" = 1 ] || skip "CI_DOCKER=$CI_DOCKER"
[ "$(id -u)" = 0 ] || docker info > /dev/null 2>&1 || skip "not root, and no container engine answers"
# Debian's client first: it builds without a plugin
export PATH=/usr/bin:$PATH DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0

engine() { # up, or started here; it stays, with its layers, for the next run
    docker info > /dev/null 2>&1 && return
    if ! command -v dockerd > /dev/null; then
        apt-get update -qq &&
            apt-get install -qq -y --no-install-recommends docker.io docker-compose debootstrap iptables > /dev/null ||
            return 1
    fi
    pgrep -x dockerd > /dev/null || rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
    setsid dockerd > /tmp/dockerd.log 2>&1 < /dev/null &
    for _ in $(seq 100); do
        docker info > /dev/null 2>&1 && return
        sleep 0.2
    done
    tail -5 /tmp/dockerd.log >&2
    return 1
}
engine || skip "no container engine can be started"
free=$(df --output=avail -B1G "$(docker info --format '{{.DockerRootDir}}')" | tail -1)
[ "$free" -ge 8 ] || skip "8 GB of disk are needed, $free are free"
if docker compose version > /dev/null 2>&1; then COMPOSE="docker compose"; else COMPOSE=docker-compose; fi
command -v "${COMPOSE%% *}" > /dev/null || skip "no docker compose"

export COMPOSE COMPOSE_PROJECT_NAME=accueil-test ACCUEIL_RESTART=no ACCUEIL_VERSION=test
export SIP_PORT=15160 RTP_START=17000 RTP_END=17019 CONSOLE_PORT=18090 IVR_TODAY=2026-11-24T10:00
stack=$(mktemp -d)
export STACK=$stack
cp -R docker docker-compose.yml docker-compose.hostnet.yml .dockerignore dialplans ivr nlu voices \
    pyproject.toml README.md LICENSE "$stack"
clean() {
    [ -z "${KEEP:-}" ] || { echo "KEEP: the containers are left up; their files are in $stack" >&2; return; }
    cd "$stack"
    $COMPOSE down --volumes --remove-orphans > /dev/null 2>&1 || true
    docker image prune --force > /dev/null 2>&1 || true # each build leaves the one before without a name
    rm -rf "$stack"
}
trap clean EXIT

cd "$stack"
sh docker/secrets.sh
$COMPOSE down --volumes --remove-orphans > /dev/null 2>&1 || true # what a run that was killed left behind
began=$SECONDS
bash "$checkout/tests/compose/standin-images.sh" --pull
$COMPOSE build asterisk ivr rasa > "$stack/build.log" 2>&1 || { tail -40 "$stack/build.log" >&2; exit 1; }
echo "images built in $((SECONDS - began)) s" >&2
sh "$checkout/tests/compose/bring.sh"
cd "$checkout"
.venv/bin/python -m pytest -q -p no:cacheprovider tests/compose/check_stack.py "$@"
echo "make test-compose: $((SECONDS - began)) s" >&2
