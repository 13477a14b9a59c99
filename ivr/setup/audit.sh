#!/bin/sh
# Compares the locked packages with the published vulnerabilities.  Fails when one has any; where the vulnerability
# service cannot be asked it says so and does not fail: that is no fault of the packages.
set -u
cd "$(dirname "$0")/../.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT
worst=0
for lock in requirements.lock nlu/rasa.lock; do
    timeout 25 .venv/bin/pip-audit --requirement "$lock" --disable-pip --timeout 10 --progress-spinner off \
        > "$said" 2>&1
    status=$?
    unknown=$(grep -c 'could not be audited' "$said") # pip-audit calls these no failure
    if grep -q '^Found [0-9]* known vulnerabilit' "$said"; then
        cat "$said"
        worst=1
    elif [ "$status" -eq 0 ] && [ "$unknown" -eq 0 ]; then
        echo "audit: $lock: no known vulnerabilities"
    else
        grep -q 'could not be audited' "$said" || tail -n 1 "$said" >&2
        echo "SKIPPED: audit of $lock: the vulnerability service knew nothing of $unknown packages, or was away." >&2
    fi
done
exit "$worst"
