#!/bin/sh
# Starts Rasa with the model that ivr has selected, if there is one; ivr loads new models over HTTP.
set -eu
models=/var/lib/accueil/rasa/models
set -- --enable-api --interface 0.0.0.0 --port 5005
if model=$(readlink -e "$models/current"); then
    set -- "$@" --model "$model"
else
    echo "no model yet: set-up trains the first one"
fi
exec rasa run "$@"
