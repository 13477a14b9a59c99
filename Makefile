# make demo    set everything up, then two real calls, each question answered and proved
# make run     set everything up, then the service until Ctrl-C
# make test    set everything up, then all tests
# make setup   set everything up: each step once, again only when its inputs changed
# make check   ruff and mypy
# make test-compose   docker-compose.yml built and run for real: a call, a message, backup and restore
# make audit   the locked packages against the published vulnerabilities, where these can be asked
# make migration   after a change to ivr/store/tables.py: the schema's revision anew

.PHONY: demo run test test-compose setup check audit migration help
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
# the private Asterisk runs in a chroot: root, or sudo where there is one
ROOT := $(shell [ "$$(id -u)" = 0 ] || { command -v sudo > /dev/null && echo sudo -E -H; })

help:
	@sed -n 's/^# make /  make /p' Makefile

setup:
	@$(ROOT) ivr/setup/bootstrap.sh
	@$(ROOT) $(PYTHON) -m ivr.setup

demo: setup
	@$(ROOT) .venv/bin/ivr demo

run: setup
	@$(ROOT) .venv/bin/ivr run

test: setup check
	@$(ROOT) $(PYTHON) -m ivr.setup --tests
	@$(ROOT) $(PYTHON) -m pytest

test-compose: setup
	@$(ROOT) bash tests/compose/run.sh

check:
	@$(ROOT) .venv/bin/ruff check ivr tests
	@$(ROOT) .venv/bin/mypy

audit:
	@sh ivr/setup/audit.sh

migration:
	@$(PYTHON) -m ivr.store.migrations
	@.venv/bin/ruff format --quiet ivr/store/migrations/versions
