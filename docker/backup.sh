#!/bin/sh
# Everything that must not be lost, of the running containers, in one file.  usage: sh docker/backup.sh FILE.tar
# The files first, then the database: what moves from one to the other meanwhile is in both, and is stored once.
set -eu
target=$(realpath -m "${1:?usage: sh docker/backup.sh FILE.tar}")
cd "$(dirname "$0")/.."
compose=${COMPOSE:-docker compose}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
# tar ends with 1 when a file grew while it was read, as a log does: no fault
$compose exec -T ivr sh -c 'tar -C / --exclude=var/lib/accueil/state/main/run.pid -cf - \
    var/lib/accueil/state srv/main/lib srv/main/spool || [ $? -eq 1 ]' > "$work/volumes.tar"
$compose exec -T postgres pg_dump --username=accueil --format=custom accueil > "$work/database.dump"
cp -R secrets dialplans nlu voices "$work/"
tar -C "$work" -cf "$target.part" .
mv "$target.part" "$target"
echo "kept in $target"
