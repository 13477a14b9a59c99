"""A call as a timeline for people: who spoke when, what was recognised, what was decided and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ivr.core import events as kinds
from ivr.core.pseudonyms import shown

Row = tuple[float, str, str, str]
"""Time (seconds from the answer), who, what, style."""
AnswerWait = tuple[float, float]
"""When an answer began, and its mouth-to-ear time (both in seconds)."""
NEAR_S = 0.6
"""Largest distance, in seconds, between the start of an answer in the events and in the recording."""


def timeline(title: str, story: Sequence[kinds.Stamped], waits: Sequence[AnswerWait] = ()) -> RenderableType:
    """A table of one call, to be printed by rich.

    ``story``: the call's events in their order; ``waits``: mouth-to-ear times that are shown beside the answers.
    """
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for t, who, what, style in sorted(rows(story, waits), key=lambda row: row[0]):
        table.add_row(f"{t:6.2f}", Text(who, style=style), Text(what))
    return Group(Text(title, style="bold"), table)


def rows(story: Sequence[kinds.Stamped], waits: Sequence[AnswerWait] = ()) -> Iterator[Row]:
    """A row for each thing that happened, at the time at which it happened; the arguments are those of timeline."""
    awaiting = False
    for item in story:
        event = item.event
        match event:
            case kinds.Said():
                near = [wait for start, wait in waits if awaiting and abs(start - event.start_s) < NEAR_S]
                awaiting = False
                note = f"   ({near[0]:.2f} s mouth to ear)" if near else ""
                cut = f"   [cut short after {event.heard_s:.1f} s]" if event.interrupted else ""
                yield event.start_s, f"service {event.lang}", event.text + cut + note, "cyan"
            case kinds.Heard():
                awaiting = True
                text = event.text or "(no words)"
                yield event.start_s, f"caller {event.lang}", f"“{text}”", "green"
                sounds = "" if event.finished is None else f", sounds {event.finished:.0%} finished"
                sure = f"heard by {event.engine}, {event.confidence:.0%} sure"
                yield event.end_s, "", f"{sure}, decoded in {event.decode_s:.2f} s{sounds}", "dim"
            case _:
                described = describe(event)
                if described:
                    yield item.t, *described


def describe(event: kinds.Event) -> tuple[str, str, str] | None:
    """Who, what and style of an event without times of its own; None for events that are not shown."""
    match event:
        case kinds.CallStarted(part=0):
            return "", f"call from {shown(event.number) or 'a withheld number'}", "dim"
        case kinds.LanguageChosen():
            return "", f"language {event.lang}, by {event.how}", "dim"
        case kinds.KeyPressed():
            return "caller", f"presses {event.digit}", "green"
        case kinds.NothingHeard():
            return "", f"nothing heard for {event.waited_s:.1f} s", "dim"
        case kinds.Understood():
            second = f", then {event.second} {event.second_confidence:.0%}" if event.second else ""
            return "", f"intent {event.intent} {event.confidence:.0%}{second} ({event.ms:.0f} ms)", "dim"
        case kinds.Decided():
            other = f" or {event.other}" if event.other else ""
            return "", f"→ {event.decision} {event.intent}{other}", "magenta"
        case kinds.HandOff():
            ended = f"back from the adviser: {event.status}" if event.status else f"rings {event.target}"
            return "", ended, "magenta"
        case (
            kinds.PersonWanted()
            | kinds.Queued()
            | kinds.Ringing()
            | kinds.PersonAnswered()
            | kinds.PersonLeft()
        ):
            return "", _transfer(event), "magenta"
        case kinds.QueueLeft():
            return "", f"stops waiting after {event.waited_s:.0f} s: {event.why}", "magenta"
        case kinds.MessageLeft():
            return "", f"message {event.message}, {event.seconds:.1f} s ({event.why})", "yellow"
        case kinds.MessageTranscribed():
            urgent = f" (urgent: {event.urgency})" if event.urgency else ""
            return "", f"message says: “{event.text}”{urgent}", "yellow"
        case kinds.Fault():
            return "", f"FAULT in {event.part}: {event.what}", "red"
        case kinds.CallFinished():
            return "", f"end after {event.seconds:.1f} s: {event.outcome}, by {event.by}", "dim"
        case kinds.RecordingKept():
            return "", f"recording {event.file}", "dim"
        case kinds.RecordingMeasured():
            greeting = f", greeting after {event.greeting_s:.2f} s" if event.greeting_s >= 0 else ""
            return "", f"recording measured: {event.answers} answers{greeting}", "dim"
    return None


def _transfer(event: kinds.Event) -> str:
    match event:
        case kinds.PersonWanted():
            return f"wants a person ({event.why})"
        case kinds.Queued():
            told = f", told {event.told_s:.0f} s" if event.told_s else ""
            return f"waits in {event.queue} as number {event.position}{told}"
        case kinds.Ringing():
            return f"rings {event.adviser}"
        case kinds.PersonAnswered():
            return f"{event.adviser} takes the call after {event.waited_s:.0f} s"
        case kinds.PersonLeft():
            return f"talk with {event.adviser} ends after {event.seconds:.0f} s, by {event.by}"
    return ""
