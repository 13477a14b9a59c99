"""`ivr run`: starts the service, shows how to call it, and stops at Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys

from ivr.core import entrypoint
from ivr.core.processes import cancelled
from ivr.core.settings import Settings
from ivr.service.supervisor import Supervisor


async def run_until_interrupted(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT.

    Nothing that is missing or broken ends it, as long as Asterisk can be started at all.

    Raises SetupError where Asterisk is not installed, this process is not root, or the instance runs already.
    """
    stop = asyncio.create_task(entrypoint.stop_on_signals().wait())
    async with Supervisor(settings, _say).kept_up() as service:
        ready = asyncio.create_task(service.ready())
        await asyncio.wait({stop, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            _say(how_to_call(settings))
            await stop
        await cancelled(ready)
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
