"""``ivr labels``: what callers really said and meant, as people hear it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.common import AsJson, By, Note, Since, exit_with, with_settings

labels = typer.Typer(no_args_is_help=True, help="Label turns with what callers really said and meant.")


@labels.command("next")
def labels_next(
    by: By,
    since: Since = "30d",
    lang: Annotated[str, typer.Option(help="Only turns in this language.")] = "",
    out: Annotated[Path | None, typer.Option(help="WAV of the turn to write.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the turn to label next, from a random sample; exit 1 when nothing is left."""
    from ivr.evaluation.labels import labelling

    exit_with(
        with_settings(lambda settings: labelling.show_next(settings, by, since, lang, out, as_json=as_json))
    )


@labels.command("set")
def labels_set(
    turn: Annotated[str, typer.Argument(help="CALL/NUMBER, as `next` shows it.")],
    by: By,
    words: Annotated[str | None, typer.Option(help='What was said; "" where nobody spoke.')] = None,
    intent: Annotated[str, typer.Option(help="What was meant: an intent of nlu/faq, or oos.")] = "",
    right: Annotated[bool, typer.Option("--right", help="Recognised and understood correctly.")] = False,
    note: Note = "",
) -> None:
    """Label a turn with what was really said and meant."""
    from ivr.evaluation.labels import labelling

    with_settings(
        lambda settings: labelling.set_label(
            settings, turn, by, words=words, intent=intent, right=right, note=note
        )
    )


@labels.command("list")
def labels_list(
    since: Since = "30d",
    disputed: Annotated[bool, typer.Option("--disputed", help="Only where two people differ.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the labelled turns, each with its labels."""
    from ivr.evaluation.labels import labelling

    with_settings(lambda settings: labelling.show_list(settings, since, disputed=disputed, as_json=as_json))


@labels.command("score")
def labels_score(since: Since = "30d", as_json: AsJson = False) -> None:
    """Count word errors and right decisions on real traffic, by language, recogniser and hour."""
    from ivr.evaluation.labels import labelling

    with_settings(lambda settings: labelling.show_scores(settings, since, as_json=as_json))


@labels.command("promote")
def labels_promote(
    since: Since = "30d",
    out: Annotated[Path | None, typer.Option(help="Proposal to write (var/proposals/).")] = None,
) -> None:
    """Propose sentences that were served wrongly as examples and held-out questions."""
    from ivr.evaluation.labels import promotion

    with_settings(lambda settings: promotion.promote(settings, since, out))


@labels.command("accept")
def labels_accept(file: Annotated[Path, typer.Argument(help="The proposal.")]) -> None:
    """Put a proposal into nlu/faq and nlu/heldout."""
    from ivr.evaluation.labels import promotion

    with_settings(lambda settings: promotion.accept(settings, file))
