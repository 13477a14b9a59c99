#!/bin/bash
# The public base images, then ours on top of them; the current folder is a copy of the checkout, COMPOSE the client.
# What a slow or absent mirror breaks is tried again: layers that are made stay.
# Exit status 3: the base image of Python 3.10 is not to be had.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tries=3

bases() { bash "$here/standin-images.sh" --pull; }
ours() { $COMPOSE build asterisk ivr rasa > build.log 2>&1 || { tail -40 build.log >&2; return 1; }; }

again() { # again COMMAND: until it succeeds, or has failed too often; 3 is no use trying again
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
again bases
again ours
