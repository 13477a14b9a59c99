#!/bin/sh
# Creates the passwords for docker-compose.yml in secrets/, once; existing passwords are kept.
# Only the owner can enter the folder.  The files in it are readable, because containers run as users unknown here.
set -eu
cd "$(dirname "$0")/.."
mkdir -p -m 0700 secrets
random() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
[ -s secrets/postgres_password ] || random > secrets/postgres_password
[ -s secrets/database_url ] ||
    echo "postgresql+psycopg://accueil:$(cat secrets/postgres_password)@postgres/accueil" > secrets/database_url
touch secrets/accueil.env
for name in ARI_PASSWORD SOFTPHONE_PASSWORD ADVISER_PASSWORD CONSOLE_TOKEN WEBHOOK_SECRET AMI_PASSWORD NUMBERS_KEY; do
    grep -q "^$name=." secrets/accueil.env || echo "$name=$(random)" >> secrets/accueil.env
done
chmod 0644 secrets/*
