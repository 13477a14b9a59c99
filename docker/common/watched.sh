#!/bin/bash
# Runs an HTTP server and ends it when it hangs; the container's restart policy starts it again.
#   watched EVERY MISSES LOADING ADDRESS PORT REQUEST COMMAND...
# EVERY: seconds between two requests, and seconds that each may take.  MISSES: requests in a row without an answer
# after which it counts as hung; LOADING: the same before its first answer.  Any status is a sign of life.
set -u
every=$1 misses=$2 loading=$3 address=$4 port=$5 request=$6
shift 6

answers() {
    timeout "$every" bash -c 'exec 3<> "/dev/tcp/$0/$1" && printf %b "$2" >&3 && read -r line <&3 && [[ $line == HTTP/* ]]' \
        "$address" "$port" "$request" 2> /dev/null
}

"$@" &
server=$!
trap 'kill -TERM "$server" 2> /dev/null' TERM INT
missed=0 allowed=$loading
while kill -0 "$server" 2> /dev/null; do
    sleep "$every" &
    wait $! # unlike sleep alone, it lets a signal through
    if answers; then missed=0 allowed=$misses; else missed=$((missed + 1)); fi
    if [ "$missed" -ge "$allowed" ]; then
        echo "ALARM: $1 has not answered for $((missed * every)) s; ending it" >&2
        kill -KILL "$server"
        break
    fi
done
wait "$server"
