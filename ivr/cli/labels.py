"""``ivr labels``: what callers really said and meant, as people hear it."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.common import Json, exit_with, with_settings

labels = typer.Typer(no_args_is_help=True, help="What callers really said and meant, as people hear it.")

By = Annotated[str, typer.Option("--by", help="Who labels; without it, the user who is logged in.")]
Since = Annotated[str, typer.Option(help="7d, 12h, 2w, or a day: 2026-11-01.")]


@labels.command("next")
def labels_next(
    by: By = "",
    since: Since = "30d",
    lang: Annotated[str, typer.Option(help="Only turns in this language.")] = "",
    out: Annotated[Path | None, typer.Option(help="WAV of the turn to write.")] = None,
    as_json: Json = False,
) -> None:
    """The turn to label next, drawn by lot; exit 1 when nothing is left."""
    from ivr.evaluation.labels import labelling

    exit_with(
        with_settings(
            lambda settings: labelling.show_next(settings, _person(by), since, lang, out, as_json=as_json)
        )
    )


@labels.command("set")
def labels_set(
    turn: Annotated[str, typer.Argument(help="CALL/NUMBER, as `next` shows it.")],
    words: Annotated[str | None, typer.Option(help='What was said; "" where nobody spoke.')] = None,
    intent: Annotated[str, typer.Option(help="What was meant: an intent of nlu/faq, or oos.")] = "",
    right: Annotated[bool, typer.Option("--right", help="All as it was heard and understood.")] = False,
    note: Annotated[str, typer.Option(help="A remark for colleagues.")] = "",
    by: By = "",
) -> None:
    """Say what was really said and meant in a turn."""
    from ivr.evaluation.labels import labelling

    with_settings(
        lambda settings: labelling.set_label(
            settings, turn, _person(by), words=words, intent=intent, right=right, note=note
        )
    )


@labels.command("list")
def labels_list(
    since: Since = "30d",
    disputed: Annotated[bool, typer.Option("--disputed", help="Only where two people differ.")] = False,
    as_json: Json = False,
) -> None:
    """Labelled turns, each with its labels."""
    from ivr.evaluation.labels import labelling

    with_settings(lambda settings: labelling.show_list(settings, since, disputed=disputed, as_json=as_json))


@labels.command("score")
def labels_score(since: Since = "30d", as_json: Json = False) -> None:
    """Word errors and right decisions on real traffic, by language, recogniser and hour."""
    from ivr.evaluation.labels import labelling

    with_settings(lambda settings: labelling.show_scores(settings, since, as_json=as_json))


@labels.command("promote")
def labels_promote(
    since: Since = "30d",
    out: Annotated[Path | None, typer.Option(help="Proposal to write (var/proposals/).")] = None,
) -> None:
    """Propose what went wrong as examples and held-out questions."""
    from ivr.evaluation.labels import promotion

    with_settings(lambda settings: promotion.promote(settings, since, out))


@labels.command("accept")
def labels_accept(file: Annotated[Path, typer.Argument(help="The proposal.")]) -> None:
    """Put a proposal into nlu/faq and nlu/heldout."""
    from ivr.evaluation.labels import promotion

    with_settings(lambda settings: promotion.accept(settings, file))


def _person(by: str) -> str:
    return by or getpass.getuser()
