"""The recording notice in every language, and the refusal by a key at any time."""

from __future__ import annotations

import pytest

from ivr.content.bundle import Content
from ivr.content.callflow import RecordingSettings
from tests.call.dialogue.scripted import (
    KEYS,
    LANGS,
    QUIET,
    SILENCE,
    Story,
    call,
    cries,
    key,
    make_content,
    says,
)

REFUSE = key("8")
WORDS = {"fr": "huit", "en": "eight", "es": "ocho", "de": "acht", "it": "otto"}


def told() -> Content:
    return make_content(notice=True)


async def open_call(*turns: object) -> Story:
    return await call(*turns, at=told())  # type: ignore[arg-type]


@pytest.mark.virtual_time
@pytest.mark.parametrize("lang", LANGS)
async def test_the_caller_is_told_in_their_language_before_they_say_anything(lang: str) -> None:
    story = await open_call(key(KEYS[lang]))
    assert story.said[-1] == "introduction recording_notice how_can_i_help"
    assert WORDS[lang] in story.text("recording_notice") and story.parts[-2].lang == lang


@pytest.mark.virtual_time
@pytest.mark.parametrize("lang", LANGS)
async def test_the_key_stops_the_recording_and_the_call_goes_on(lang: str) -> None:
    story = await open_call(key(KEYS[lang]), REFUSE, says("eiffel.price"))
    assert story.refused == 1
    assert story.said[-2:] == ["recording_refused how_can_i_help", "eiffel.price anything_else"]


@pytest.mark.virtual_time
async def test_a_question_asked_at_once_is_answered_first() -> None:
    story = await open_call(says("eiffel.price", lang="en"))
    assert story.said[-1] == "eiffel.price recording_notice anything_else"


@pytest.mark.virtual_time
async def test_he_is_told_once() -> None:
    story = await open_call(key("2"), says("louvre.hours"), says("louvre.price"), key("9"), key("1"))
    assert " ".join(story.said).count("recording_notice") == 1


@pytest.mark.virtual_time
async def test_a_caller_who_wants_a_person_at_once_is_told_before_the_transfer() -> None:
    story = await open_call(key("0"))
    assert story.said[1] == "recording_notice"


@pytest.mark.virtual_time
async def test_in_an_emergency_nobody_talks_of_recordings() -> None:
    story = await open_call(cries(lang="fr"))
    assert story.said[1].startswith("emergency") and "recording_notice" not in " ".join(story.said)


@pytest.mark.virtual_time
async def test_a_caller_may_refuse_before_a_language_is_chosen_and_during_a_question() -> None:
    assert (await open_call(REFUSE, key("2"))).refused == 1
    assert (await open_call(key("2"), says("louvre.hours", sure=0.4), REFUSE)).refused == 1


@pytest.mark.virtual_time
@pytest.mark.parametrize("recording", [RecordingSettings(notice=False), RecordingSettings(enabled=False)])
async def test_without_a_notice_nothing_is_said(recording: RecordingSettings) -> None:
    at = make_content()
    at = Content(**{**vars(at), "callflow": QUIET.model_copy(update={"recording": recording})})
    story = await call(key("2"), SILENCE, REFUSE, at=at)
    assert "recording_notice" not in " ".join(story.said)
    assert story.refused == int(recording.enabled), "the key works whether it was said or not"
