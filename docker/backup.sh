#!/bin/sh
# Saves all data that must not be lost from the running containers.  usage: sh docker/backup.sh FILE.tar
# Copied in the direction in which data moves: Asterisk's spool, state, database.  What moves meanwhile is in both
# copies, and is stored once.
set -eu
target=$(realpath -m "${1:?usage: sh docker/backup.sh FILE.tar}")
cd "$(dirname "$0")/.."
compose=${COMPOSE:-docker compose}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
# tar exits with 1 when a file, such as a log, grows while it is read; that is no error
$compose exec -T ivr sh -c 'tar -C / --exclude=var/lib/accueil/state/main/run.pid -cf - \
    srv/main/spool var/lib/accueil/state srv/main/lib || [ $? -eq 1 ]' > "$work/volumes.tar"
$compose exec -T postgres pg_dump --username=accueil --format=custom accueil > "$work/database.dump"
cp -R secrets dialplans nlu voices "$work/"
tar -C "$work" -cf "$target.part" .
mv "$target.part" "$target"
echo "saved in $target"
