#!/bin/bash
# Pulls the public base images and builds ours on top.  The current folder is a copy of the checkout; COMPOSE is the
# client.
# Failures of a slow mirror are retried; finished layers are kept.
# Exit status 3: the base image of Python 3.10 is not available.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tries=3

base_images() { bash "$here/standin-images.sh" --pull; }
own_images() { $COMPOSE build asterisk ivr rasa > build.log 2>&1 || { tail -40 build.log >&2; return 1; }; }

retry() { # retry COMMAND: up to $tries times, unless it exits with 3
    local status try
    for try in $(seq $tries); do
        status=0
        "$1" || status=$?
        [ "$status" != 0 ] && [ "$status" != 3 ] || return "$status"
        echo "make test-compose: $1 failed, try $try of $tries" >&2
        sleep 10
    done
    return "$status"
}
retry base_images
retry own_images
