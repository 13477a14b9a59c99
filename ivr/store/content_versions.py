"""Versions of the content, which calls name by number: when each was published, why, and what was measured then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ivr.store.database import Store
from ivr.store.tables import generations


def record(store: Store, instance: str, published: Iterable[Mapping[str, Any]]) -> int:
    """Store the versions that are not stored yet, and return how many those were.

    ``published``: each version's ``number``, ``at`` (seconds since 1970), ``note`` and ``facts`` (what was measured).
    A version stays in the store when its files are gone.
    """
    with store.begin() as connection:
        chosen = sa.select(generations.c.number).where(generations.c.instance == instance)
        known = set(connection.scalars(chosen))
        new = [item for item in published if item["number"] not in known]
        for item in new:
            row = {name: item[name] for name in ("number", "at", "note")}
            facts = json.dumps(item["facts"], ensure_ascii=False, default=str)
            connection.execute(generations.insert().values(instance=instance, facts=facts, **row))
    return len(new)
