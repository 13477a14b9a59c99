#!/bin/sh
# Restores a backup on this machine or a fresh one; all present data is replaced.
# usage: sh docker/restore.sh FILE.tar
set -eu
source=$(realpath "${1:?usage: sh docker/restore.sh FILE.tar}")
cd "$(dirname "$0")/.."
compose=${COMPOSE:-docker compose}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
tar -C "$work" -xf "$source"
$compose stop
mkdir -p -m 0700 secrets
cp "$work"/secrets/* secrets/
chmod 0644 secrets/*
cp -R "$work/dialplans" "$work/nlu" "$work/voices" .
$compose up -d postgres
until $compose exec -T postgres pg_isready -q -h 127.0.0.1 -U accueil; do sleep 1; done
# a database that was created with another password gets the restored one
printf "ALTER USER accueil PASSWORD '%s';\n" "$(cat secrets/postgres_password)" |
    $compose exec -T postgres psql --quiet --username=accueil accueil
$compose exec -T postgres psql --quiet --username=accueil accueil -c 'DROP SCHEMA public CASCADE; CREATE SCHEMA public'
$compose exec -T postgres pg_restore --username=accueil --dbname=accueil --no-owner < "$work/database.dump"
$compose run --rm --no-deps -T ivr sh -c '
    rm -rf /var/lib/accueil/state/main /srv/main/lib /srv/main/spool
    exec tar -C / -xf - --no-same-owner' < "$work/volumes.tar"
$compose up -d
echo "restored from $source; docker compose ps shows when it is healthy"
