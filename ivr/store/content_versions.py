"""Generations of the content, as calls name them by number: when published, why, and what was measured then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ivr.store.tables import generations


def note(engine: sa.Engine, instance: str, published: Iterable[Mapping[str, Any]]) -> int:
    """Store those that are not there yet (``number``, ``at``, ``note``, ``facts``); returns how many.

    What was published stays in the store when its files are gone.
    """
    with engine.begin() as connection:
        chosen = sa.select(generations.c.number).where(generations.c.instance == instance)
        known = set(connection.scalars(chosen))
        new = [item for item in published if item["number"] not in known]
        for item in new:
            row = {name: item[name] for name in ("number", "at", "note")}
            facts = json.dumps(item["facts"], ensure_ascii=False, default=str)
            connection.execute(generations.insert().values(instance=instance, facts=facts, **row))
    return len(new)
