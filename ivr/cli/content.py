"""`ivr content`: what was published, and what the recogniser makes of the examples."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.common import exit_with, with_settings

content = typer.Typer(no_args_is_help=True, help="What was published; examples as they are heard.")


@content.command("list")
def content_list() -> None:
    """What was published when, and what is in use."""
    from ivr.service import publishing

    with_settings(publishing.show)


@content.command("hear")
def content_hear(
    lang: Annotated[list[str] | None, typer.Option(help="Language; may be given more than once.")] = None,
    each: Annotated[int, typer.Option(help="Examples of each intent.")] = 8,
) -> None:
    """Write nlu/heard: examples as the recogniser hears them over the telephone (minutes a language)."""
    from ivr.nlu import augmentation

    exit_with(with_settings(lambda settings: augmentation.run(settings, lang or (), each)))
