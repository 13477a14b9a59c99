"""How a conversation ends: goodbye, silence, a person, the voicemail, and the return from an adviser."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ivr.call.dialogue.caller import CallerReply
from ivr.content.callflow.wait_estimate import WaitEstimate
from tests.call.dialogue.scripted import (
    KEYS,
    LANGS,
    NIGHT,
    NOTHING,
    SILENCE,
    TURN_S,
    CutsIn,
    Leaves,
    back_from_adviser,
    call,
    cries,
    key,
    make_content,
    mumbles,
    says,
    with_on_call,
)

EN = key("2")
REVIEW = "voicemail_review"


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("last", ["goodbye", "no"])
async def test_goodbye(lang: str, last: str) -> None:
    story = await call(key(KEYS[lang]), says("taxi"), says(last))
    assert story.said[-1] == "goodbye" and story.end == "goodbye"
    assert story.parts[-1].lang == lang


async def test_silence_after_an_answer_is_asked_about_twice_then_goodbye() -> None:
    story = await call(EN, says("taxi"), SILENCE, SILENCE, SILENCE)
    assert story.said[3:] == ["no_input", "still_there", "goodbye"] and story.end == "goodbye"


@pytest.mark.parametrize("cut", [says("taxi"), cries(), key("9")], ids=["question", "emergency", "key"])
async def test_a_caller_who_barges_in_on_an_announcement_is_heard(cut: CallerReply) -> None:
    story = await call(EN, says("human"), CutsIn(cut), at=make_content(NIGHT))
    assert story.said[-2].endswith("closed") and story.end == "hang-up"
    assert story.said[-1] in ("taxi anything_else", "emergency emergency", "language_which")


async def test_a_word_that_means_nothing_is_talked_over_and_the_telling_begins_anew() -> None:
    story = await call(EN, says("human"), CutsIn(mumbles()), at=make_content(NIGHT))
    assert story.said[-3:] == ["closed", "closed", "voicemail_intro"]


async def test_another_question_in_the_goodbye_is_answered_and_a_thank_you_is_not() -> None:
    story = await call(
        EN, says("taxi"), says("no"), CutsIn(says("eiffel.price")), says("no"), CutsIn(says("thanks"))
    )
    assert story.said[-4:] == ["goodbye", "eiffel.price anything_else", "goodbye", "goodbye"]
    assert story.end == "goodbye"


@pytest.mark.parametrize("lang", LANGS)
async def test_the_longest_call_ends_with_a_word_after_the_answer(lang: str) -> None:
    at = make_content()
    limits = at.callflow.limits.model_copy(update={"call_s": 2.5 * TURN_S})
    at = replace(at, callflow=at.callflow.model_copy(update={"limits": limits}))
    story = await call(key(KEYS[lang]), says("taxi"), says("taxi"), says("taxi"), at=at)
    assert story.said[-2:] == ["taxi", "too_long goodbye"] and story.end == "goodbye"
    assert story.said.count("taxi anything_else") == 1


async def test_silence_without_any_answer_leads_to_a_person() -> None:
    story = await call(EN, SILENCE, SILENCE, SILENCE)
    assert story.said[2:] == ["no_input", "still_there", "handoff"] and story.end == "transfer en"


@pytest.mark.parametrize("sign_of_life", [says("menu"), key("#")])
async def test_a_sign_of_life_starts_the_silences_anew(sign_of_life: object) -> None:
    story = await call(EN, SILENCE, SILENCE, sign_of_life, SILENCE)  # type: ignore[arg-type]
    assert story.said[-1] == "no_input"


async def test_one_who_never_says_a_word_at_night_is_not_kept_for_ever() -> None:
    story = await call(*[SILENCE] * 6, *[NOTHING] * 4, *[SILENCE] * 3, at=make_content(NIGHT))
    assert story.end == "goodbye" and story.said[-1] == "goodbye"


# a person


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("order", ["said", "key"])
async def test_a_person_in_opening_hours(lang: str, order: str) -> None:
    story = await call(key(KEYS[lang]), says("human") if order == "said" else key("0"))
    assert story.said[-1] == "handoff" and story.end == f"transfer {lang}"
    assert ("handoff", "human") in story.decided


@pytest.mark.parametrize("lang", LANGS)
async def test_closed_means_a_message_and_the_conversation_goes_on(lang: str) -> None:
    story = await call(
        key(KEYS[lang]), key("0"), Leaves(12.0), key("3"), says("taxi"), at=make_content(NIGHT)
    )
    assert story.said[2:] == [
        "closed", "voicemail_intro", REVIEW, "voicemail_sent", "anything_else", "taxi anything_else",
    ]  # fmt: skip
    assert story.kept == [12.0] and {part.lang for part in story.parts[7:]} == {lang}


async def test_not_understood_at_night_leads_to_a_message_too() -> None:
    story = await call(EN, mumbles(), mumbles(), Leaves(5.0), key("#"), at=make_content(NIGHT))
    assert story.kept == [5.0]


async def test_open_but_nobody_speaks_the_language_is_not_called_closed() -> None:
    callflow = make_content().callflow
    advisers = [callflow.advisers[0].model_copy(update={"languages": ["fr"]})]
    french = replace(make_content(), callflow=callflow.model_copy(update={"advisers": advisers}))
    story = await call(key("4"), key("0"), Leaves(5.0), at=french)
    assert story.said[2:4] == ["handoff_failed", "voicemail_intro"]


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    ("wait_s", "said", "told_s"),
    [
        (0.0, "handoff", 0),
        (47.0, "queue_wait", 50),
        (95.0, "queue_wait", 90),
        (121.0, "queue_wait_longer", 120),
    ],
)
async def test_the_wait_is_announced_before_it_begins(
    lang: str, wait_s: float, said: str, told_s: int
) -> None:
    story = await call(key(KEYS[lang]), key("0"), desk=WaitEstimate(1, wait_s))
    assert story.said[-1] == said and story.end == f"transfer {lang}"
    assert story.target is not None and story.target.announced_s == told_s


async def test_where_the_desk_cannot_be_seen_nothing_is_promised() -> None:
    assert (await call(EN, key("0"), desk=None)).said[-1] == "handoff"
    assert (await call(EN, key("0"), Leaves(5.0), desk=WaitEstimate(0))).said[2] == "handoff_failed"


# back from the adviser


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("status", ["JOINEMPTY", "LEAVEEMPTY", "FULL", ""])
async def test_no_adviser_in_time_means_a_message(lang: str, status: str) -> None:
    story = await back_from_adviser(status, Leaves(8.0), SILENCE, lang=lang)
    assert story.said == ["handoff_failed", "voicemail_intro", REVIEW, "voicemail_sent", "anything_else"]
    assert story.kept == [8.0] and {part.lang for part in story.parts} == {lang}


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("status", ["JOINEMPTY", "LEAVEEMPTY", "JOINUNAVAIL", "LEAVEUNAVAIL"])
async def test_a_caller_back_from_an_empty_queue_is_put_through_to_the_on_call_telephone(
    lang: str, status: str
) -> None:
    story = await back_from_adviser(status, lang=lang, at=with_on_call())
    assert story.said == ["handoff"] and story.end == f"transfer {lang}"
    assert story.wanted == ["asked"], "the queue log has ended the first wait"
    assert story.target is not None and (story.target.target, story.target.why) == ("oncall", "asked")


async def test_a_caller_whom_the_on_call_telephone_did_not_take_is_not_put_through_again() -> None:
    story = await back_from_adviser("NOANSWER", SILENCE, Leaves(8.0), SILENCE, at=with_on_call())
    assert story.said[:2] == ["handoff_declined", "voicemail_intro"] and story.wanted == []


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("status", ["TIMEOUT", "DECLINED", "NOANSWER"])
@pytest.mark.parametrize("answer", [SILENCE, key("2"), key("5"), says("voicemail"), says("no"), mumbles()])
async def test_whom_none_of_them_took_is_told_so_and_may_leave_a_message(
    lang: str, status: str, answer: CallerReply
) -> None:
    story = await back_from_adviser(status, answer, Leaves(8.0), SILENCE, lang=lang)
    assert story.said == ["handoff_declined", "voicemail_intro", REVIEW, "voicemail_sent", "anything_else"]
    assert story.kept == [8.0] and {part.lang for part in story.parts} == {lang}


@pytest.mark.parametrize("answer", [key("1"), says("callback"), says("yes")])
async def test_whom_none_of_them_took_may_be_called_back(answer: CallerReply) -> None:
    story = await back_from_adviser("DECLINED", answer, lang="en")
    assert story.said[0] == "handoff_declined" and story.said[1].startswith("callback_")


async def test_whom_none_of_them_took_may_ask_or_insist_on_a_person_or_cry_for_help() -> None:
    story = await back_from_adviser("DECLINED", says("taxi"), lang="en")
    assert story.said[-1] == "taxi anything_else"
    assert (await back_from_adviser("DECLINED", says("human"), lang="en")).end == "transfer en"
    assert (await back_from_adviser("DECLINED", cries(), lang="en")).said[-1] == "emergency emergency"


async def test_after_an_adviser_the_service_goes_on() -> None:
    story = await back_from_adviser("CONTINUE", says("taxi"), says("goodbye"), lang="es")
    assert story.said == ["back_to_service", "taxi anything_else", "goodbye"]


@pytest.mark.parametrize("status", ["CONTINUE", "TIMEOUT"])
async def test_silence_after_an_adviser_ends_the_call_and_rings_nobody_again(status: str) -> None:
    message = [] if status == "CONTINUE" else [SILENCE, *[NOTHING] * 4]
    story = await back_from_adviser(status, *message, SILENCE, SILENCE, SILENCE)
    assert story.end == "goodbye"


# the voicemail


@pytest.mark.parametrize("lang", LANGS)
async def test_a_message_at_any_time(lang: str) -> None:
    story = await call(key(KEYS[lang]), says("voicemail"), Leaves(10.0), key("3"), says("no"))
    assert story.said[2:] == [
        "voicemail_intro", REVIEW, "voicemail_sent", "anything_else", "goodbye",
    ]  # fmt: skip
    assert story.kept == [10.0] and story.end == "goodbye"


@pytest.mark.parametrize("send", [key("3"), key("#"), SILENCE, says("yes"), mumbles(), key("7")])
async def test_all_but_listen_and_again_sends(send: object) -> None:
    story = await call(EN, says("voicemail"), Leaves(10.0), send)  # type: ignore[arg-type]
    assert story.kept == [10.0] and story.discarded == []


async def test_listen_plays_it_and_offers_the_same_again() -> None:
    story = await call(EN, says("voicemail"), Leaves(10.0), key("1"), key("1"), key("3"))
    assert story.played_back == [10.0, 10.0] and story.kept == [10.0]
    assert story.said[3:6] == [REVIEW] * 3


@pytest.mark.parametrize("again", [key("2"), says("no")])
async def test_again_throws_it_away_and_records_anew(again: object) -> None:
    story = await call(EN, says("voicemail"), Leaves(10.0), again, Leaves(7.0), key("#"))  # type: ignore[arg-type]
    assert (story.discarded, story.kept) == ([10.0], [7.0])
    assert story.said[2:6] == ["voicemail_intro", REVIEW, "voicemail_intro", REVIEW]


@pytest.mark.parametrize("lang", LANGS)
async def test_an_emergency_in_the_review_keeps_the_message_and_tells_the_number_at_once(lang: str) -> None:
    story = await call(
        key(KEYS[lang]), says("voicemail"), Leaves(8.0), cries(), SILENCE, at=make_content(NIGHT)
    )
    assert story.kept == [8.0] and story.discarded == []
    assert story.said[-2] == "emergency emergency" and "voicemail_sent" not in story.said


async def test_who_records_again_and_again_loses_nothing_in_the_end() -> None:
    again = [Leaves(8.0), key("2")]
    story = await call(EN, says("voicemail"), *again * 4, at=make_content(NIGHT))
    assert story.discarded == [8.0] * 3 and story.kept == [8.0]


async def test_too_short_a_message_is_asked_for_again() -> None:
    story = await call(EN, says("voicemail"), Leaves(0.4), Leaves(6.0), key("3"))
    assert story.said[2:5] == ["voicemail_intro", "voicemail_empty", "voicemail_intro"]
    assert (story.discarded, story.kept) == ([0.4], [6.0])


async def test_nothing_said_after_four_beeps_and_the_conversation_goes_on() -> None:
    story = await call(EN, says("voicemail"), *[NOTHING] * 4, says("taxi"))
    assert story.said[-2:] == ["anything_else", "taxi anything_else"] and story.kept == []


async def test_a_message_that_could_not_be_recorded_is_told_and_not_thrown_away() -> None:
    """The collector takes what was recorded."""
    story = await call(EN, says("voicemail"), Leaves(3.0, failed=True), says("taxi"))
    assert story.said[-3:] == ["voicemail_failed", "anything_else", "taxi anything_else"]
    assert story.discarded == []


async def test_a_hang_up_in_the_review_throws_nothing_away() -> None:
    story = await call(EN, says("voicemail"), Leaves(9.0))
    assert story.end == "hang-up" and story.discarded == []


async def test_silence_after_a_message_is_goodbye_and_no_person() -> None:
    story = await call(EN, says("voicemail"), Leaves(9.0), *[SILENCE] * 4)
    assert story.end == "goodbye"
