"""``ivr voicemails``: messages that callers left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ivr.cli.common import AsJson, By, ListByDefault, Note, with_settings
from ivr.store.states import MessageAction

app = typer.Typer(cls=ListByDefault, help="List the messages that callers left, and work through them.")

MessageId = Annotated[str, typer.Argument(help="A message's id, or a unique beginning of it.")]


@app.command("list")
def show(
    state: Annotated[str, typer.Option(help="Only those that are new, taken or answered.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the messages, oldest first."""
    from ivr.cli.views import voicemails

    with_settings(lambda settings: voicemails.show(settings, state, as_json=as_json))


@app.command()
def play(
    message: MessageId, out: Annotated[Path, typer.Option(help="WAV to write.")] = Path("message.wav")
) -> None:
    """Write the sound of one message to a WAV."""
    from ivr.cli.views import voicemails

    with_settings(lambda settings: voicemails.play(settings, message, out))


@app.command()
def take(message: MessageId, by: By, note: Note = "") -> None:
    """Take a new message: others see that you work on it."""
    _change(message, MessageAction.TAKE, by, note)


@app.command()
def release(message: MessageId, by: By, note: Note = "") -> None:
    """Give back a message that was taken."""
    _change(message, MessageAction.RELEASE, by, note)


@app.command()
def answer(message: MessageId, by: By, note: Note = "") -> None:
    """Mark a message that you took as answered."""
    _change(message, MessageAction.ANSWER, by, note)


@app.command()
def reopen(message: MessageId, by: By, note: Note = "") -> None:
    """Make an answered message new again."""
    _change(message, MessageAction.REOPEN, by, note)


@app.command("note")
def add_note(message: MessageId, text: str, by: By) -> None:
    """Add a note to a message, in any state."""
    from ivr.cli.views import voicemails

    with_settings(lambda settings: voicemails.note(settings, message, by, text))


def _change(message: str, what: MessageAction, by: str, note: str) -> None:
    from ivr.cli.views import voicemails

    with_settings(lambda settings: voicemails.change(settings, message, what, by, note))
