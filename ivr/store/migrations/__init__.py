"""The schema's revisions for Alembic; ``make migration`` writes ``versions/initial.py`` and ``HEAD``."""

HEAD = "initial_a90a2a967fc1"
"""The revision that this version of the program works with."""
