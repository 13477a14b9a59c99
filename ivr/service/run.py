"""`ivr run`: checks the files, starts the service, shows how to call it, and stops at Ctrl-C."""

from __future__ import annotations

import os
import sys

from ivr.core import entrypoint
from ivr.core.settings import Settings
from ivr.service.supervisor import Supervisor


async def run_until_interrupted(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT.

    Raises ConfigError with file and line when an edited file is wrong, and SetupError when a part does not start.
    """
    from ivr.service import check

    check.refuse_errors(settings)
    stop = entrypoint.stop_on_signals()
    async with Supervisor(settings, _say).running():
        _say(how_to_call(settings))
        await stop.wait()
        _say("Stopping")


def how_to_call(settings: Settings) -> str:
    """A text that explains how to reach the service from a softphone."""
    host = "127.0.0.1" if settings.sip_bind == "0.0.0.0" else settings.sip_bind
    password = os.environ.get("IVR_SECRETS_FILE", "") or settings.var / "secrets.env"
    return f"""
Accueil answers at sip:accueil@{host}:{settings.sip_port} (UDP).
From a softphone: user softphone, domain {host}:{settings.sip_port}, the password is SOFTPHONE_PASSWORD in
{password}; dial any number.  From another machine, start with IVR_SIP_BIND=<this machine's address>.
From here: .venv/bin/ivr call --digits 2 --say question.wav --json
Calls: .venv/bin/ivr calls    Messages: .venv/bin/ivr voicemails    Ctrl-C ends the service.
"""


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
