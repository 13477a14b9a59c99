"""``ivr voicemails``: messages that callers left."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.common import Json, with_settings

app = typer.Typer(invoke_without_command=True, help="Messages that callers left.")

State = Annotated[str, typer.Option(help="Only those that are new, taken or answered.")]
By = Annotated[str, typer.Option(help="Who does it.")]
Note = Annotated[str, typer.Option(help="Why, or what came of it.")]


@app.callback(invoke_without_command=True)
def voicemails(context: typer.Context, state: State = "", as_json: Json = False) -> None:
    """List the messages that callers left."""
    if context.invoked_subcommand is None:
        show(state, as_json)


@app.command("list")
def show(state: State = "", as_json: Json = False) -> None:
    """List the messages that callers left."""
    from ivr.cli.views import voicemails as messages

    with_settings(lambda settings: messages.show(settings, state, as_json=as_json))


@app.command()
def play(
    message: str, out: Annotated[Path, typer.Option(help="WAV to write.")] = Path("message.wav")
) -> None:
    """Write one message out as a WAV."""
    from ivr.cli.views import voicemails as messages

    with_settings(lambda settings: messages.play(settings, message, out))


@app.command()
def take(message: str, by: By = "", note: Note = "") -> None:
    """Take a new message: others see that you look after it."""
    _change(message, "take", by, note)


@app.command()
def release(message: str, by: By = "", note: Note = "") -> None:
    """Give back a message that was taken."""
    _change(message, "release", by, note)


@app.command()
def answer(message: str, by: By = "", note: Note = "") -> None:
    """The caller has his answer."""
    _change(message, "answer", by, note)


@app.command()
def reopen(message: str, by: By = "", note: Note = "") -> None:
    """It was not the answer after all: new again."""
    _change(message, "reopen", by, note)


@app.command("note")
def add_note(message: str, text: str, by: By = "") -> None:
    """Note something about a message."""
    from ivr.cli.views import voicemails as messages

    with_settings(lambda settings: messages.note(settings, message, by or getpass.getuser(), text))


def _change(message: str, what: str, by: str, note: str) -> None:
    from ivr.cli.views import voicemails as messages

    with_settings(lambda settings: messages.change(settings, message, what, by or getpass.getuser(), note))
