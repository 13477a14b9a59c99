#!/bin/bash
# `make test-compose`: builds and runs docker-compose.yml and its images in a copy of this checkout.
# When no engine can be started it prints SKIPPED and succeeds.  When no registry answers, stand-ins of the public
# base images are built from a Debian mirror (standin-images.sh); such a run does not prove the official images' versions.
#   KEEP=1          leave the containers up
#   CI_DOCKER=0     skip
#   TIME_LEFT=...   seconds for everything; skipped when the images are not ready early enough for the tests
set -euo pipefail
cd "$(dirname "$0")/../.."
checkout=$PWD
skip() {
    printf '\n%s\nSKIPPED: make test-compose: %s\n%s\n\n' "$(printf '=%.0s' {1..78})" "$1" "$(printf '=%.0s' {1..78})" >&2
    exit 0
}

# Time for the tests after the images are ready: they took 457 s on 2 busy cores, 560 s with three times the load.
TESTS_S=720
TIME_LEFT=${TIME_LEFT:-7200}
[ "$TIME_LEFT" -gt "$TESTS_S" ] || skip "$TIME_LEFT s are left, the tests alone need $TESTS_S"
[ "${CI_DOCKER:-1}" = 1 ] || skip "CI_DOCKER=$CI_DOCKER"
[ "$(id -u)" = 0 ] || docker info > /dev/null 2>&1 || skip "not root, and no container engine answers"
# Debian's client first, because it builds without a plugin
export PATH=/usr/bin:$PATH DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0

engine_pid= # the engine, if it was started here; it ends with this script, and its layers stay for the next run
start_engine() { # unless an engine runs
    docker info > /dev/null 2>&1 && return
    if ! command -v dockerd > /dev/null; then
        timeout 120 apt-get update -qq &&
            timeout 300 apt-get install -qq -y --no-install-recommends \
                docker.io docker-compose debootstrap iptables > /dev/null || return 1
    fi
    pgrep -x dockerd > /dev/null || rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
    setsid dockerd > /tmp/dockerd.log 2>&1 < /dev/null &
    engine_pid=$!
    for _ in $(seq 300); do
        docker info > /dev/null 2>&1 && return
        kill -0 "$engine_pid" 2> /dev/null || break
        sleep 0.2
    done
    tail -5 /tmp/dockerd.log >&2
    return 1
}
runs_containers() { # an engine may start without the permission to run containers
    {
        # shellcheck disable=SC2046
        tar -C / -ch bin/true $(ldd /bin/true | grep -o '/[^ )]*' | sed 's|^/||') | docker import - accueil-probe &&
            docker run --rm --network none accueil-probe /bin/true
    } > /tmp/dockerd-probe.log 2>&1 || return 1
    docker rmi accueil-probe > /dev/null 2>&1 || true
}
stop_engine() {
    [ -n "$engine_pid" ] && [ -z "${KEEP:-}" ] || return 0
    kill "$engine_pid" 2> /dev/null && wait "$engine_pid" || true
}
trap stop_engine EXIT
start_engine || skip "no container engine can be started"
runs_containers || skip "the container engine runs no container: $(cat /tmp/dockerd-probe.log)"
free=$(df --output=avail -B1G "$(docker info --format '{{.DockerRootDir}}')" | tail -1)
[ "$free" -ge 8 ] || skip "8 GB of disk are needed, $free are free"
if docker compose version > /dev/null 2>&1; then COMPOSE="docker compose"; else COMPOSE=docker-compose; fi
command -v "${COMPOSE%% *}" > /dev/null || skip "no docker compose"

export COMPOSE COMPOSE_PROJECT_NAME=accueil-test ACCUEIL_RESTART=no ACCUEIL_VERSION=test
export SIP_PORT=15160 RTP_START=17000 RTP_END=17019 CONSOLE_PORT=18090 IVR_TODAY=2026-11-24T10:00
# The stand-in for Python 3.10 is built from the interpreter of Rasa's environment, if that is a 3.10.
PY310_TREE=${PY310_TREE:-$(var/rasa/env/bin/python -c '
import sys; print(sys.base_prefix if sys.version_info[:2] == (3, 10) else "")' || true)}
export PY310_TREE
stack=$(mktemp -d)
export STACK=$stack
cp -R docker docker-compose.yml docker-compose.hostnet.yml .dockerignore dialplans ivr nlu voices \
    pyproject.toml README.md LICENSE "$stack"
logs() { # after a failure, before the containers are removed
    cd "$stack"
    $COMPOSE ps >&2 || true
    $COMPOSE logs --no-color --tail=60 2>&1 | cut -c1-400 >&2 || true
}
clean() {
    [ -z "${KEEP:-}" ] || { echo "KEEP: the containers stay up; their files are in $stack" >&2; return; }
    cd "$stack"
    $COMPOSE down --volumes --remove-orphans > /dev/null 2>&1 || true
    # each build leaves the previous image untagged; the next build reuses the newest of them
    docker image prune --force --filter until=168h > /dev/null 2>&1 || true
    rm -rf "$stack"
    stop_engine
}
trap clean EXIT

cd "$stack"
sh docker/secrets.sh
$COMPOSE down --volumes --remove-orphans > /dev/null 2>&1 || true # left by a run that was killed
for_images=$((TIME_LEFT - TESTS_S - SECONDS))
[ "$for_images" -gt 0 ] || skip "no time is left for the images"
status=0
timeout --kill-after=30 "$for_images" bash "$checkout/tests/compose/images.sh" || status=$?
case $status in
    0) echo "images ready after $SECONDS s" >&2 ;;
    3) skip "no registry answers, and no Python 3.10 is here to make its image from" ;;
    124 | 137) skip "the images were not ready in $for_images s" ;;
    *) exit "$status" ;;
esac
sh "$checkout/tests/compose/bring.sh"
cd "$checkout"
.venv/bin/python -m pytest -q -p no:cacheprovider tests/compose/check_stack.py "$@" ||
    { status=$?; logs; exit "$status"; }
echo "make test-compose: $SECONDS s" >&2
