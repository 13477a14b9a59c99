#!/bin/bash
# Creates .venv on a bare Debian: installs Debian's Python packages if they are missing, then the locked packages.
# `python -m ivr.setup` does the rest of set-up.  A second run has nothing to do and takes an instant.
set -euo pipefail
cd "$(dirname "$0")/../.."

stop() {
    echo "set-up stopped: $*" >&2
    exit 1
}

# Programs with their own list of certificate authorities use the machine's instead, which a proxy may need.
authorities=/etc/ssl/certs/ca-certificates.crt
if [ -z "${SSL_CERT_FILE:-}" ] && [ -s $authorities ]; then
    export SSL_CERT_FILE=$authorities
fi

# Finds a Python of 3.11 to 3.14 with venv.  Debian's own comes first, because pyenv's shims may fail.
find_python() {
    local candidate
    for candidate in "${IVR_PYTHON:-}" /usr/bin/python3 /usr/bin/python3.1[1-4] /usr/local/bin/python3 python3 \
        "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[1-4]*/bin/python3; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
            2> /dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

install_packages() {
    [ "$(id -u)" = 0 ] || stop "not root: run this again with sudo, or first: apt-get install $*"
    command -v apt-get > /dev/null || stop "no Python of 3.11 or later, and no apt-get: install $* by hand"
    echo "Installing Debian packages: $*"
    export DEBIAN_FRONTEND=noninteractive
    dpkg --configure -a
    apt-get update -qq || echo "apt-get update failed; continuing with the present package lists" >&2
    apt-get install -qq -y --no-install-recommends "$@" > /dev/null || stop "apt-get install $* failed"
}

wanted=$(cat requirements.lock pyproject.toml ivr/setup/bootstrap.sh | sha256sum)
stamp=.venv/.locked
if [ -x .venv/bin/ivr ] && [ "$(cat $stamp 2> /dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2> /dev/null; then
    exit 0
fi

if [ ! -s $authorities ] || ! find_python > /dev/null; then
    install_packages python3 python3-venv ca-certificates
    export SSL_CERT_FILE=${SSL_CERT_FILE:-$authorities}
fi
python=$(find_python) || stop "no Python of 3.11 to 3.14 with venv found: install one, or name it in IVR_PYTHON"

if ! .venv/bin/python -c 'import pip' 2> /dev/null; then
    echo "Creating .venv with $python"
    rm -rf .venv
    "$python" -m venv .venv
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
if [ ! -x .venv/bin/uv ]; then
    .venv/bin/python -m pip install --quiet --no-input --require-hashes -r ivr/setup/uv.lock ||
        stop "the package registry cannot be reached (pip install uv)"
fi
.venv/bin/uv pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements.lock ||
    stop "the locked packages cannot be installed"
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-build-isolation --no-deps --editable .
echo "$wanted" > $stamp
