"""The schema's history for Alembic.  ``versions/initial.py`` and ``HEAD`` are written by ``make migration``."""

HEAD = "initial_a90a2a967fc1"
"""The revision that this version of the program works with."""
