"""A caller who refuses to be recorded: Asterisk stops, what it had is gone, and of the call only counts are kept."""

from __future__ import annotations

import pytest

from ivr.core import events
from ivr.store import queries
from ivr.store.database import Store
from ivr.store.rows import CallRow
from tests.service.calls.running_service import RunningService
from tests.service.calls.store import until
from tests.service.calls.words import ENGLISH

pytestmark = [pytest.mark.asterisk, pytest.mark.side_by_side]

COUNTED = {"language-chosen", "recording-refused", "call-finished"}


async def monitors(service: RunningService, call_id: str) -> str:
    """What Asterisk records of the call."""
    channels = (await service.asterisk.command("core show channels concise")).splitlines()
    name = next(line.split("!")[0] for line in channels if line.split("!")[-1] == call_id)
    return await service.asterisk.command(f"mixmonitor list {name}")


async def test_a_refused_call_leaves_counts_alone(service: RunningService) -> None:
    monitor, ears = service.settings.pbx / "spool/monitor", service.settings.state_dir.captures
    async with service.call("en", ENGLISH.prefix) as caller:
        await caller.press(ENGLISH.key)
        await caller.until_prompt("recording_notice", "en")
        call_id = await caller.call_id()
        assert f"{call_id}-in" in await monitors(service, call_id) and list(monitor.glob(f"{call_id}-*"))
        assert list(ears.glob(f"{call_id}-*"))
        await caller.press("8")
        await caller.until(events.RecordingRefused)
        await caller.listen(4.0)
        assert call_id not in await monitors(service, call_id)
        assert list(monitor.glob(f"{call_id}-*")) == [] == list(ears.glob(f"{call_id}-*"))
        await caller.speak(await caller.words(ENGLISH.question))
        await caller.listen(3.0)
        await caller.hang_up()
    store = Store(service.settings.database)

    async def ended() -> CallRow | None:
        row = queries.call(store, call_id)
        return row if row and row.outcome else None

    row = await until(ended, "the call was not counted")
    assert (row.refused, row.number, row.recording, row.lang) == (1, "", "", "en")
    assert row.outcome == "answered" and row.seconds > 5
    assert {item.event.kind for item in queries.events_of(store, call_id)} == COUNTED
    assert queries.turns_of(store, call_id) == []
    store.close()
    assert list(monitor.glob(f"{call_id}-*")) == [] == list(ears.glob(f"{call_id}-*"))
    assert not list((service.settings.state / "recordings").glob(f"{call_id}*"))
