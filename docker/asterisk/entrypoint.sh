#!/bin/sh
# Links Asterisk's installed data next to our sounds, as its configuration expects, and starts Asterisk.
# It is ended when ARI has not answered for 12 s.  Without a password the answer is 401, a sign of life all the same.
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
address=$(sed -n 's/^bindaddr *= *//p' /srv/main/etc/http.conf)
port=$(sed -n 's/^bindport *= *//p' /srv/main/etc/http.conf)
exec accueil-watched 3 4 20 "$address" "$port" 'GET /ari/asterisk/ping HTTP/1.0\r\n\r\n' \
    asterisk -f -C /srv/main/etc/asterisk.conf
