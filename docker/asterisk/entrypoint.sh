#!/bin/sh
# Links Asterisk's installed data next to our sounds, as its configuration expects, and starts Asterisk.
set -eu
data=/usr/share/asterisk
share=/srv/main/share
mkdir -p "$share/sounds"
for path in "$data"/*; do
    [ "${path##*/}" = sounds ] || ln -sfn "$path" "$share/${path##*/}"
done
for path in "$data"/sounds/en_US_*/*; do
    ln -sfn "$path" "$share/sounds/${path##*/}"
done
exec asterisk -f -C /srv/main/etc/asterisk.conf
