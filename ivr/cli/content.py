"""``ivr content``: published versions, and examples as the recogniser hears them."""

from __future__ import annotations

from typing import Annotated

import typer

from ivr.cli.common import Languages, exit_with, with_settings

content = typer.Typer(no_args_is_help=True, help="Published versions, and examples as they are recognised.")


@content.command("list")
def content_list() -> None:
    """List the published versions, and show which one is in use."""
    from ivr.service import publishing

    with_settings(publishing.show)


@content.command("hear")
def content_hear(
    lang: Languages = None, each: Annotated[int, typer.Option(help="Examples of each intent.")] = 8
) -> None:
    """Write nlu/heard: examples as they are recognised over the telephone.  It takes minutes a language."""
    from ivr.nlu import augmentation

    exit_with(with_settings(lambda settings: augmentation.run(settings, lang or (), each)))
