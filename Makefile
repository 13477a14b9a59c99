# make demo          set everything up, then two real calls, each question answered and proved
# make run           set everything up, then the service until Ctrl-C
# make test          set everything up, then ruff, mypy and all tests
# make test-fast     the tests without a telephone: what to run while you write
# make test-compose  docker-compose.yml built and run for real: a call, a message, backup and restore
# make setup         set everything up: each step once, again only when its inputs changed
# make check         ruff and mypy
# make service       the unit with which systemd starts the service, written to var/accueil.service
# make audit         the locked packages against the published vulnerabilities, where these can be asked
# make lock          the lock files made anew from pyproject.toml
# make migration     the database schema's revision made anew, after a change to ivr/store/tables.py
# make defaults      the program's own content made anew, after a change to phrases, word lists or templates
# make help          this list

.PHONY: demo run test test-fast test-compose setup check service audit lock migration defaults help
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
# the private Asterisk runs in a chroot: root, or sudo where there is one
ROOT := $(shell [ "$$(id -u)" = 0 ] || { command -v sudo > /dev/null && echo sudo -E -H; })

# each folder's tests in one process, real calls first; two of the three processes give way to the calls
PARALLEL := --dist loadscope --no-loadscope-reorder

help:
	@sed -n 's/^# make /  make /p' Makefile

setup:
	@$(ROOT) ivr/setup/bootstrap.sh
	@$(ROOT) $(PYTHON) -m ivr.setup

demo: setup
	@$(ROOT) .venv/bin/ivr demo

run: setup
	@$(ROOT) .venv/bin/ivr run

test: setup
	@$(ROOT) $(PYTHON) -m ivr.setup --tests
	@nice $(MAKE) --no-print-directory check & check=$$!; \
	    $(ROOT) $(PYTHON) -m pytest -n 3 $(PARALLEL); tests=$$?; wait $$check && exit $$tests

test-fast: setup
	@$(ROOT) $(PYTHON) -m ivr.setup --tests
	@$(ROOT) $(PYTHON) -m pytest -n 2 $(PARALLEL) -m "not asterisk and not slow"

test-compose: setup
	@$(ROOT) bash tests/compose/run.sh

check:
	@$(ROOT) .venv/bin/ruff check ivr nlu tests
	@$(ROOT) .venv/bin/mypy

service:
	@$(PYTHON) -m ivr.setup.unit

audit:
	@sh ivr/setup/audit.sh

lock:
	@sh ivr/setup/lock.sh

defaults:
	@$(PYTHON) -m ivr.content.defaults

migration:
	@$(PYTHON) -m ivr.store.migrations
	@.venv/bin/ruff format --quiet ivr/store/migrations/versions
