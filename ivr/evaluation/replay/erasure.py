"""Erases what quality assurance keeps of a call.

That is results of replays, golden copies with their expectations, and sentences proposed as examples.
"""

from __future__ import annotations

import re

from ivr.core.paths import proposals
from ivr.core.settings import Settings
from ivr.evaluation.replay import golden

ITEM = re.compile(r"^  - to:.*\n(?:    .*\n?)*", re.MULTILINE)
"""One sentence of a proposal, as ``ivr.evaluation.labels.proposal.written`` writes it."""


def forget(settings: Settings, call_id: str) -> None:
    """Delete everything kept of the call ``call_id``; repeating it does no harm.

    Raises ConfigError when a golden set cannot be read.
    """
    for path in proposals(settings).glob("*.yml"):
        text = path.read_text("utf-8")
        kept = ITEM.sub(lambda item: "" if f'turn: "{call_id}/' in item[0] else item[0], text)
        if kept != text:
            path.write_text(kept if ITEM.search(kept) else kept.rstrip() + " []\n", "utf-8")
    for path in settings.state_dir.replays.glob(f"{call_id}-*.json"):
        path.unlink(missing_ok=True)
    for name in golden.names(settings):
        golden.remove(settings, name, call_id)
