#!/bin/sh
exec python -m ivr.cli "$@"
