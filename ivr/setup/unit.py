"""``python -m ivr.setup.unit``: writes the unit with which systemd starts the service (systemd.service(5)).

It runs as root: the private Asterisk is started in a chroot.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from ivr.core.files import write_durably
from ivr.core.settings import Settings, load

NAME: Final = "accueil.service"


def text(settings: Settings) -> str:
    """Return the unit for the checkout and the ``var`` of ``settings``."""
    return f"""# Written by `make service`.  Settings: systemctl edit {NAME}, section [Service], Environment=IVR_...
[Unit]
Description=Accueil, the voice receptionist
Wants=network-online.target time-sync.target
After=network-online.target time-sync.target
# it is started again for ever, however often it ends
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
WorkingDirectory={settings.root}
Environment=IVR_VAR={settings.var}
ExecStart={settings.root}/.venv/bin/ivr run
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
# the event loop of the supervisor gives a sign of life every 15 s
WatchdogSec=30
TimeoutStartSec=120
TimeoutStopSec=20
KillMode=mixed
UMask=0077
# a call holds up to 16 files open in Asterisk
LimitNOFILE=65536
OOMPolicy=continue

[Install]
WantedBy=multi-user.target
"""


def main() -> None:
    """Write the unit into ``var`` and say how to install it."""
    settings = load()
    path = settings.var / NAME
    write_durably(path, text(settings))
    sys.stdout.write(f"{path} is written.  To start the service now and with the machine:\n")
    sys.stdout.write(f"  systemctl enable --now {Path(path)}\n")


if __name__ == "__main__":
    main()
