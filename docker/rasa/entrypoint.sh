#!/bin/sh
# Starts Rasa with the model that ivr has selected, if there is one; ivr loads new models over HTTP.
# It is ended when it has not answered a question for 30 s: it answers none while it loads a new model.
set -eu
models=/var/lib/accueil/rasa/models
set -- --enable-api --interface 0.0.0.0 --port 5005
if model=$(readlink -e "$models/current"); then
    set -- "$@" --model "$model"
else
    echo "no model yet: set-up trains the first one"
fi
question='{"text":"bonjour"}'
exec accueil-watched 3 10 200 127.0.0.1 5005 \
    "POST /model/parse HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: ${#question}\r\n\r\n$question" \
    rasa run "$@"
