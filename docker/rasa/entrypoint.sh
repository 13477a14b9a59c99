#!/bin/sh
# Rasa with the model that ivr has pointed at, if there is one yet; new ones come over HTTP while it runs.
set -eu
models=/var/lib/accueil/rasa/models
set -- --enable-api --interface 0.0.0.0 --port 5005
if model=$(readlink -e "$models/current"); then
    set -- "$@" --model "$model"
else
    echo "no model yet: set-up trains the first one"
fi
exec rasa run "$@"
