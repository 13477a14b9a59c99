#!/bin/sh
# Checks the locked packages against published vulnerabilities and fails when one is affected.  When the vulnerability
# service cannot be reached, it prints that and succeeds.
set -u
cd "$(dirname "$0")/../.."
output=$(mktemp)
trap 'rm -f "$output"' EXIT
worst=0
for lock in requirements.lock nlu/rasa.lock; do
    timeout 25 .venv/bin/pip-audit --requirement "$lock" --disable-pip --timeout 10 --progress-spinner off \
        > "$output" 2>&1
    status=$?
    unknown=$(grep -c 'could not be audited' "$output") # pip-audit does not fail for these
    if grep -q '^Found [0-9]* known vulnerabilit' "$output"; then
        cat "$output"
        worst=1
    elif [ "$status" -eq 0 ] && [ "$unknown" -eq 0 ]; then
        echo "audit: $lock: no known vulnerabilities"
    else
        grep -q 'could not be audited' "$output" || tail -n 1 "$output" >&2
        echo "SKIPPED: audit of $lock: the vulnerability service does not know $unknown packages, or cannot be reached." >&2
    fi
done
exit "$worst"
