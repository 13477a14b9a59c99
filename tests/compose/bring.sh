#!/bin/sh
# Copies models and prompts of this checkout into the containers' volume, so that they are not fetched and rendered
# twice.  The containers' own set-up does the rest, above all the training.
set -eu
cd "$(dirname "$0")/../../var"
volume=${COMPOSE_PROJECT_NAME}_models
docker volume create "$volume" > /dev/null
tar --exclude=models/kokoro --exclude=models/vosk-ko -cf - models prompts |
    docker run --rm -i --user 0:0 --network none -v "$volume:/to" "accueil/ivr:$ACCUEIL_VERSION" \
        sh -c 'tar -C /to -xf - --no-same-owner && chown -R 10001:10001 /to'
