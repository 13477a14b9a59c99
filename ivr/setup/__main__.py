"""``python -m ivr.setup``: everything beyond the Python environment, each step once; ``--tests``: theirs too."""

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
from ivr.setup.progress import ProgressBoard
from ivr.setup.steps import SetupStep, run_all
from ivr.setup.system import TCPDUMP

KINDS: tuple[models.ModelKind, ...] = get_args(models.ModelKind)
SERVING: tuple[models.ModelKind, ...] = ("recogniser", "endpointing", "voice")
"""What a service in containers needs; the others are for tests and trials in a checkout."""

AS_ROOT = ("system", "asterisk", "postgresql", "tcpdump")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

STEPS = (
    SetupStep("system", "Debian packages", system.install, lambda settings: system.PACKAGES, system.present),
    SetupStep(
        "asterisk", "Private Asterisk", asterisk.install, asterisk.inputs, asterisk.present, ("system",)
    ),
    SetupStep("rasa", "Rasa's environment", rasa.install, rasa.inputs, rasa.present, ("system",)),
    SetupStep(
        "models",
        "Models and voices",
        lambda settings, task: models.fetch_all(settings, SERVING if settings.asterisk_url else KINDS, task),
        models.inputs,
        models.present,
        ("system",),
    ),
    SetupStep(
        "training", "Training on the FAQ", content.train, content.training_inputs, content.trained, ("rasa",)
    ),
    SetupStep(
        "prompts",
        "Rendering the prompts",
        content.render,
        content.prompt_inputs,
        content.rendered,
        ("models",),
    ),
)

ELSEWHERE = SetupStep(
    "line", "Asterisk's configuration", content.write_line, lambda settings: [], lambda settings: False,
    ("training", "prompts"),
)  # fmt: skip
"""For an Asterisk that others start, and that waits for this; it costs nothing to write it again."""

FOR_TESTS = (
    SetupStep(
        "postgresql",
        "PostgreSQL for the tests",
        postgresql.install,
        lambda settings: [postgresql.PACKAGE],
        postgresql.present,
        ("system",),
    ),
    SetupStep(
        "fail2ban",
        "fail2ban for the tests",
        fail2ban.install,
        lambda settings: [fail2ban.PACKAGE],
        fail2ban.present,
        ("postgresql",),  # one apt-get at a time
    ),
    SetupStep(
        "tcpdump",
        "tcpdump for the tests",
        lambda settings, task: system.add([TCPDUMP], task),
        lambda settings: [TCPDUMP],
        lambda settings: not system.missing([TCPDUMP]),
        ("fail2ban",),
    ),
)


def main() -> int:
    """Run what is due; 0 when all is in place, 1 with one line otherwise."""
    console = Console(stderr=True)
    try:
        settings = load()
        if AUTHORITIES.exists():
            # programs with a list of authorities of their own use the machine's (a proxy may need it)
            os.environ.setdefault("SSL_CERT_FILE", str(AUTHORITIES))
            os.environ.setdefault("NODE_EXTRA_CA_CERTS", str(AUTHORITIES))
        with _only_one(settings, console):
            return _run(settings, console)
    except IvrError as error:
        console.print(f"set-up stopped: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1


def _run(settings: Settings, console: Console) -> int:
    began = time.monotonic()
    steps = [*_steps(settings), *(FOR_TESTS if "--tests" in sys.argv[1:] else ())]
    due = [step for step in steps if step.due(settings)]
    if not due:
        return 0
    if any(step.name in AS_ROOT for step in due):  # said before anything is fetched
        system.need_root("debootstrap and chroot, for the private Asterisk")
    with ProgressBoard(console) as board:
        run_all(settings, steps, board)
    board.say(f"Set up in {time.monotonic() - began:.0f} s.", style="green")
    return 0


def _steps(settings: Settings) -> list[SetupStep]:
    """All, but for the parts that run elsewhere."""
    if not settings.asterisk_url:
        return list(STEPS)
    not_ours = {"system", "asterisk", *(["rasa"] if settings.rasa_url else [])}
    return [*(step for step in STEPS if step.name not in not_ours), ELSEWHERE]


@contextmanager
def _only_one(settings: Settings, console: Console) -> Iterator[None]:
    """Two set-ups at once would build in the same folders: the second waits."""
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
        os._exit(130)  # not exit(): threads may be in the middle of a download
    sys.stderr.flush()
    os._exit(status)
