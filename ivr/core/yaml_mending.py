"""Mends the data of a file that another version of the program wrote, so that it fits the model of this one.

Unknown keys are left out.  What is missing or wrong is taken from the spare data of the same model, or left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ValidationError

Loc = tuple[str | int, ...]
ROUNDS: Final = 1000
"""Most faults of a file that are mended, one in each round: mending one may show or move another."""


class _Kind(StrEnum):
    UNKNOWN = "unknown"
    MISSING = "missing"
    WRONG = "wrong"
    CONTRADICTION = "contradiction"


def mended(data: Any, model: type[BaseModel], spare: Any) -> list[tuple[Loc, str]]:
    """Change ``data`` until it fits ``model``, as far as that is possible; return place and kind of each change.

    data: dicts, lists and scalars.
    spare: the same for a file without faults.
    """
    changes: list[tuple[Loc, str]] = []
    given_up: set[Loc] = set()
    for _ in range(ROUNDS):
        fault = next(((kind, loc) for kind, loc in _faults(data, model) if loc not in given_up), None)
        if fault is None:
            break
        kind, loc = fault
        done = _mend(data, kind, loc, spare)
        if done:
            changes.append((loc, done))
        else:
            given_up.add(loc)
    return changes


def _faults(data: Any, model: type[BaseModel]) -> Iterator[tuple[_Kind, Loc]]:
    try:
        found = model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            loc = detail["loc"]
            kind = {"extra_forbidden": _Kind.UNKNOWN, "missing": _Kind.MISSING}.get(
                detail["type"], _Kind.WRONG
            )
            if "[key]" in loc:
                kind, loc = _Kind.UNKNOWN, tuple(part for part in loc if part != "[key]")
            yield kind, loc
        return
    for problem in getattr(found, "problems", tuple)():
        if problem.severity.value == "error":
            yield _Kind.CONTRADICTION, problem.loc


def _mend(data: Any, kind: _Kind, loc: Loc, spare: Any) -> str:
    """Mend one fault; returns what was done, empty where nothing can be done."""
    if kind is not _Kind.MISSING:
        loc = _present(data, loc)
    if not loc:
        return ""
    parent = _at(data, loc[:-1])
    if kind is not _Kind.UNKNOWN and isinstance(parent, dict) and _has(spare, loc):
        parent[loc[-1]] = _at(spare, loc)
        return "comes from the program's own content"
    if kind is _Kind.CONTRADICTION:
        return ""
    if kind is _Kind.MISSING:
        return _mend(data, _Kind.UNKNOWN, loc[:-1], spare)
    del parent[loc[-1]]
    return "is left out"


def _present(data: Any, loc: Loc) -> Loc:
    """The longest beginning of ``loc`` that is in the data; pydantic adds parts for the members of a union."""
    while loc and not _has(data, loc):
        loc = loc[:-1]
    return loc


def _has(data: Any, loc: Loc) -> bool:
    try:
        _at(data, loc)
    except (LookupError, TypeError):
        return False
    return True


def _at(data: Any, loc: Loc) -> Any:
    for part in loc:
        data = data[part]
    return data
