"""``python -m ivr.setup``: runs the steps of set-up that are due; ``--tests`` adds those that only tests need."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from rich.console import Console

from ivr.core.errors import IvrError
from ivr.core.paths import stamps
from ivr.core.settings import Settings, load
from ivr.setup import asterisk, content, fail2ban, models, postgresql, rasa, system
from ivr.setup.catalogue import ModelKind
from ivr.setup.progress import ProgressBoard
from ivr.setup.steps import SetupStep, run_all
from ivr.setup.system import TCPDUMP

KINDS: tuple[ModelKind, ...] = get_args(ModelKind)
SERVING: tuple[ModelKind, ...] = ("recogniser", "endpointing", "voice")
"""Models that a service in containers needs.  The others are for tests and trials in a checkout."""

AS_ROOT = ("system", "asterisk", "postgresql", "tcpdump")
"""Steps that need root."""
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

STEPS = (
    SetupStep(
        name="system",
        title="Debian packages",
        run=system.install,
        inputs=lambda settings: system.PACKAGES,
        present=system.present,
    ),
    SetupStep(
        name="asterisk",
        title="Private Asterisk",
        run=asterisk.install,
        inputs=asterisk.inputs,
        present=asterisk.present,
        after=("system",),
    ),
    SetupStep(
        name="rasa",
        title="Rasa's environment",
        run=rasa.install,
        inputs=rasa.inputs,
        present=rasa.present,
        after=("system",),
    ),
    SetupStep(
        name="models",
        title="Models and voices",
        run=lambda settings, task: models.fetch_all(
            settings, SERVING if settings.asterisk_url else KINDS, task
        ),
        inputs=models.inputs,
        present=models.present,
        after=("system",),
    ),
    SetupStep(
        name="training",
        title="Training on the FAQ",
        run=content.train,
        inputs=content.training_inputs,
        present=content.trained,
        after=("rasa",),
    ),
    SetupStep(
        name="prompts",
        title="Rendering the prompts",
        run=content.render,
        inputs=content.prompt_inputs,
        present=content.rendered,
        after=("models",),
    ),
)

REMOTE_ASTERISK = SetupStep(
    name="line",
    title="Asterisk's configuration",
    run=content.configure_remote,
    inputs=lambda settings: [],
    present=lambda settings: False,  # writing it again costs nothing
    after=("training", "prompts"),
)
"""Configuration for an externally managed Asterisk, which waits for it."""

FOR_TESTS = (
    SetupStep(
        name="postgresql",
        title="PostgreSQL for the tests",
        run=postgresql.install,
        inputs=lambda settings: [postgresql.PACKAGE],
        present=postgresql.present,
        after=("system",),
    ),
    SetupStep(
        name="fail2ban",
        title="fail2ban for the tests",
        run=fail2ban.install,
        inputs=lambda settings: [fail2ban.PACKAGE],
        present=fail2ban.present,
        after=("postgresql",),  # one apt-get at a time
    ),
    SetupStep(
        name="tcpdump",
        title="tcpdump for the tests",
        run=lambda settings, task: system.add([TCPDUMP], task),
        inputs=lambda settings: [TCPDUMP],
        present=lambda settings: not system.missing([TCPDUMP]),
        after=("fail2ban",),
    ),
)


def main() -> int:
    """Run the steps that are due; returns 0 when all is in place, else 1 after printing one line."""
    console = Console(stderr=True)
    try:
        settings = load()
        if AUTHORITIES.exists():
            # programs with their own list of certificate authorities use the machine's, for a proxy's sake
            os.environ.setdefault("SSL_CERT_FILE", str(AUTHORITIES))
            os.environ.setdefault("NODE_EXTRA_CA_CERTS", str(AUTHORITIES))
        with _exclusive(settings, console):
            return _run(settings, console)
    except IvrError as error:
        console.print(f"set-up stopped: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1


def _run(settings: Settings, console: Console) -> int:
    started = time.monotonic()
    steps = [*_steps(settings), *(FOR_TESTS if "--tests" in sys.argv[1:] else ())]
    due = [step for step in steps if step.due(settings)]
    if not due:
        return 0
    if any(step.name in AS_ROOT for step in due):  # before anything is downloaded
        system.need_root("debootstrap and chroot, for the private Asterisk")
    with ProgressBoard(console) as board:
        run_all(settings, steps, board)
    board.say(f"Set up in {time.monotonic() - started:.0f} s.", style="green")
    return 0


def _steps(settings: Settings) -> list[SetupStep]:
    """All steps, without those of an externally managed Asterisk or Rasa."""
    if not settings.asterisk_url:
        return list(STEPS)
    external = {"system", "asterisk", *(["rasa"] if settings.rasa_url else [])}
    return [*(step for step in STEPS if step.name not in external), REMOTE_ASTERISK]


@contextmanager
def _exclusive(settings: Settings, console: Console) -> Iterator[None]:
    """Wait for another set-up: two at once would build in the same folders."""
    folder = stamps(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.print("Another set-up is under way: waiting for it.", style="yellow")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        status = main()
    except KeyboardInterrupt:
        sys.stderr.write("\nset-up stopped; the next one goes on from here\n")
        sys.stderr.flush()
        os._exit(130)  # not exit(), which would wait for threads that download
    sys.stderr.flush()
    os._exit(status)
