"""The limit of a call without progress, and what counts as progress."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.call.dialogue.caller import CallerReply
from ivr.call.dialogue.progress import (
    ALWAYS_URGENT_S,
    HEEDLESS_S,
    UNDOUBTED_S,
    Progress,
)
from tests.call.dialogue.scripted import (
    KEYS,
    LANGS,
    NIGHT,
    SILENCE,
    TURN_S,
    Leaves,
    back_from_adviser,
    call,
    cries,
    key,
    make_content,
    mumbles,
    says,
)

EN = key("2")
LET_GO = ("let-go", "no-progress")
LIMIT_S = make_content().callflow.limits.progress_s
TURNS = int(LIMIT_S / TURN_S)
TOPICS = [name for name in make_content().faq.intents if make_content().faq.kind(name) == "faq"]


def heedless(reply: CallerReply, seconds: float = 25.0) -> CallerReply:
    """The same, said without any notice of the service."""
    return replace(reply, heedless_s=seconds)


@pytest.mark.parametrize("lang", LANGS)
async def test_who_makes_no_progress_is_let_go_in_their_language(lang: str) -> None:
    story = await call(key(KEYS[lang]), *[heedless(mumbles())] * (TURNS + 5))
    assert story.said[-1] == "no_progress" and story.parts[-1].lang == lang
    assert story.end == "goodbye" and story.decided[-1] == LET_GO
    assert len(story.keys) <= TURNS + 1
    assert story.wanted == [] and story.kept == []


async def test_each_new_question_that_is_answered_is_progress() -> None:
    story = await call(EN, *map(says, TOPICS[: 2 * TURNS]))
    assert "no_progress" not in story.said


@pytest.mark.parametrize(
    "again",
    [says("navigo.pass"), says("repeat"), key("1"), key("3"), key("9"), cries()],
    ids=["the same question", "repeat", "language", "another language", "a key of no use", "the same cry"],
)
async def test_the_same_again_and_again_is_none(again: CallerReply) -> None:
    story = await call(EN, says("navigo.pass"), *[again] * 2 * TURNS)
    assert story.said[-1] == "no_progress"


async def test_film_dialogue_is_no_emergency_and_no_question() -> None:
    minutes = [heedless(mumbles())] * int(ALWAYS_URGENT_S / TURN_S)
    film = [heedless(cries("help he has a gun")), heedless(says("louvre.hours")), heedless(says("human"))]
    story = await call(EN, *minutes, *film, *[heedless(says("goodbye"))] * TURNS)
    assert story.decided == [LET_GO] and story.wanted == []


@pytest.mark.parametrize("before", [0, 3])
async def test_a_cry_in_the_first_minutes_is_an_emergency_however_it_is_heard(before: int) -> None:
    story = await call(EN, *[heedless(mumbles())] * before, heedless(cries("help he has a gun")))
    assert story.decided[-1] == ("answer", "emergency")


async def test_a_cry_that_waits_for_the_service_is_an_emergency_at_any_time() -> None:
    story = await call(EN, *[heedless(mumbles())] * (TURNS - 3), cries())
    assert story.decided[-1] == ("answer", "emergency")


@pytest.mark.parametrize(
    ("reply", "then"),
    [(key("0"), "handoff"), (says("navigo.pass"), "navigo.pass anything_else"), (says("human"), "handoff")],
)
async def test_in_doubt_a_key_and_a_sentence_that_waits_for_the_service_count(
    reply: CallerReply, then: str
) -> None:
    story = await call(EN, *[heedless(mumbles())] * 5, reply)
    assert story.said[-2] == "not_for_us person_line" and story.said[-1] == then


async def test_noise_is_offered_keys_where_silence_gets_a_person() -> None:
    noise = heedless(SILENCE, 7.0)
    assert (await call(EN, *[SILENCE] * 3)).end == "transfer en"
    story = await call(EN, *[noise] * (TURNS + 5))
    assert story.said[-1] == "no_progress" and story.wanted == []


async def test_one_message_at_most_without_progress() -> None:
    story = await call(
        EN, mumbles(), mumbles(), Leaves(20.0), SILENCE, mumbles(), mumbles(), at=make_content(NIGHT)
    )
    assert story.kept == [20.0] and story.decided[-1] == LET_GO


async def test_who_asks_for_another_message_may_leave_it() -> None:
    night = make_content(NIGHT)
    story = await call(
        EN, says("voicemail"), Leaves(20.0), SILENCE, says("voicemail"), Leaves(5.0), SILENCE, at=night
    )
    assert story.kept == [20.0, 5.0]


async def test_what_was_done_before_a_transfer_counts_on_after_it() -> None:
    story = await call(EN, mumbles(), mumbles())
    assert story.target is not None and story.target.so_far == "30 30 0"
    assert (await call(EN, key("0"))).target.so_far == "20 0 0"  # type: ignore[union-attr]


@pytest.mark.parametrize(("status", "goes_on"), [("TIMEOUT", False), ("CONTINUE", True), ("MESSAGE", True)])
async def test_queue_and_adviser_do_not_count(status: str, goes_on: bool) -> None:
    turns = {"TIMEOUT": [mumbles()], "CONTINUE": [], "MESSAGE": [Leaves(9.0), SILENCE]}[status]
    story = await back_from_adviser(
        status, *turns, says("taxi"), so_far=f"{LIMIT_S + 50:.0f} {LIMIT_S + 10:.0f} 1"
    )
    assert ("taxi anything_else" in story.said) is goes_on
    assert (LET_GO in story.decided) is not goes_on


async def test_all_conversations_of_a_call_together_have_the_longest_duration() -> None:
    longest = make_content().callflow.limits.call_s
    story = await back_from_adviser("CONTINUE", says("taxi"), so_far=f"{longest:.0f} 0 0")
    assert story.said[-1] == "too_long goodbye"


def test_the_time_of_a_message_does_not_count() -> None:
    now = [0.0]
    progress = Progress(lambda: now[0], 300)
    now[0] = 100.0
    with progress.recording():
        now[0] = 400.0
    assert progress.stalled_s == 100 and not progress.exhausted and not progress.may_record
    progress.made()
    assert progress.may_record


def test_doubt_needs_time_and_sound_and_ends_with_a_key_or_quiet() -> None:
    now = [0.0]
    progress = Progress(lambda: now[0], 300)
    progress.heard(heedless(mumbles(), HEEDLESS_S))
    assert not progress.doubtful
    now[0] = UNDOUBTED_S
    assert progress.doubtful and not progress.doubts_emergencies
    now[0] = ALWAYS_URGENT_S
    progress.heard(mumbles())
    assert progress.doubts_emergencies
    progress.heard(SILENCE)
    assert not progress.doubtful
