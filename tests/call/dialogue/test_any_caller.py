"""Random callers: whatever they do, the conversation continues or ends properly."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ivr.call.dialogue.caller import CallerReply
from ivr.call.dialogue.script import Dialogue
from ivr.core.errors import CallEnded
from tests.call.dialogue.scripted import (
    LANGS,
    NIGHT,
    SILENCE,
    Leaves,
    ScriptedCaller,
    T,
    Turn,
    between,
    cries,
    key,
    make_content,
    mumbles,
    names,
    says,
)

INTENTS = make_content().faq.intents
TURNS = st.one_of(
    st.sampled_from([SILENCE, mumbles(), cries(), between("louvre.hours", "louvre.price")]),
    st.sampled_from("0123456789*#").map(key),
    st.sampled_from(["English", "auf Deutsch bitte", "an Italian restaurant"]).map(names),
    st.builds(
        says,
        st.sampled_from(INTENTS),
        sure=st.floats(0, 1),
        heard=st.floats(0, 1),
        lang=st.sampled_from(LANGS),
    ),
    st.builds(Leaves, st.sampled_from([0.0, 0.5, 20.0]), st.booleans()),
)


class Anybody(ScriptedCaller):
    """Skips the parts of the script that do not fit, such as a message in reply to a question."""

    def _next(self, wanted: type[T]) -> T:
        while self._turns and not isinstance(self._turns[0], wanted):
            self._turns.pop(0)
        return super()._next(wanted)


def run(dialogue: Dialogue, status: str | None) -> None:
    """Run a conversation to its end; only CallEnded may end it."""
    try:
        asyncio.run(dialogue.run() if status is None else dialogue.returned(status))
    except CallEnded:
        return
    raise AssertionError("the conversation just stopped")


@given(st.lists(TURNS, max_size=25), st.sampled_from(["2026-11-24T10:00", NIGHT, "2027-01-01T12:00"]))
def test_any_call(turns: list[Turn], now: str) -> None:
    caller = Anybody(turns)
    run(Dialogue(caller, make_content(now)), None)
    assert caller.story.end


@given(
    st.lists(TURNS, max_size=15),
    st.sampled_from(["CONTINUE", "TIMEOUT", "CALLBACK", "MESSAGE", "JOINEMPTY", "?"]),
    st.sampled_from(LANGS),
)
def test_any_return_from_an_adviser(turns: list[Turn], status: str, lang: str) -> None:
    caller = Anybody(turns, lang=lang)
    run(Dialogue(caller, make_content()), status)
    assert caller.story.end


class Nobody(ScriptedCaller):
    """Never speaks and never hangs up."""

    def _next(self, wanted: type[T]) -> T:
        if len(self.story.said) > 60:
            raise AssertionError("the call never ends")
        return CallerReply() if wanted is CallerReply else Leaves(0.0)  # type: ignore[return-value]


@given(st.sampled_from(["2026-11-24T10:00", NIGHT]), st.sampled_from([None, "CONTINUE", "TIMEOUT"]))
def test_nobody_on_the_line_is_let_go(now: str, status: str | None) -> None:
    caller = Nobody([], lang="fr" if status else "")
    run(Dialogue(caller, make_content(now)), status)
    assert caller.story.end == "goodbye" or caller.story.end.startswith("transfer")
