"""The state folder of an instance: the only module that spells a path below it.

Everything in it must survive a restart.  Files that several processes write are locked where their property says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StateDir:
    """The files and folders below ``root`` (``Settings.state``); no property creates anything."""

    root: Path

    @property
    def database(self) -> Path:
        """The SQLite store, where no other database is set.  Written and read by every process."""
        return self.root / "ivr.sqlite"

    @property
    def spool(self) -> Path:
        """Events that are not in the store yet, one file for each writer.

        Written by worker, collector, console and commands, under a lock; read by the process that drains it.
        """
        return self.root / "spool"

    @property
    def logs(self) -> Path:
        """Logs of our processes.  Written by each process, rotated by the supervisor, searched by erasure."""
        return self.root / "logs"

    def log(self, name: str) -> Path:
        """The log of the process ``name``, such as ``worker``."""
        return self.logs / f"{name}.log"

    @property
    def asterisk_output(self) -> Path:
        """What Asterisk writes on its standard output.  Written by the supervisor, read when a start fails."""
        return self.logs / "asterisk.out"

    @property
    def recordings(self) -> Path:
        """Recordings of calls.  Written by the collector; read by replays, labelling and the API; purged."""
        return self.root / "recordings"

    @property
    def captures(self) -> Path:
        """What the listener received in calls that go on.  Written by the worker, joined by the collector."""
        return self.root / "tapes"

    @property
    def refusals(self) -> Path:
        """Marks of callers who refuse to be recorded.  Written by the worker, read by the collector."""
        return self.root / "refused"

    @property
    def voicemail(self) -> Path:
        """Recorded messages.  Written by the collector; read by the transcriber, the API and commands; purged."""
        return self.root / "voicemail"

    @property
    def pending_messages(self) -> Path:
        """Notes of messages that are being recorded or wait for the collector.  Written by the worker."""
        return self.voicemail / "pending"

    @property
    def set_aside(self) -> Path:
        """What cannot be read in folders of this one.  Written by the collector; for a person to look at; purged."""
        return self.root / "set-aside"

    @property
    def golden(self) -> Path:
        """Golden calls, one file for each set.

        Written by `ivr replay golden` and by erasure, edited by people; read by replays and publishing.
        """
        return self.root / "golden"

    def golden_set(self, name: str) -> Path:
        """The file of one set of golden calls."""
        return self.golden / f"{name}.yml"

    @property
    def replays(self) -> Path:
        """Results of replays, one file for each call and version.  Written and read by replays; purged."""
        return self.root / "replays"

    @property
    def content_versions(self) -> Path:
        """Published copies of the content.  Written by `ivr publish`, read by every process."""
        return self.root / "generations"

    @property
    def current_version(self) -> Path:
        """The number of the content version in use.  Written by `ivr publish` and `ivr rollback`."""
        return self.content_versions / "current"

    @property
    def pid_file(self) -> Path:
        """Process id of the running service, for people.  Written by the supervisor; no program acts on it."""
        return self.root / "run.pid"

    @property
    def recogniser_socket(self) -> Path:
        """A link to the socket of the newest recogniser.  Written by the supervisor, read by workers."""
        return self.root / "recogniser"

    @property
    def classifier_socket(self) -> Path:
        """A link to the socket of the newest classifier process.  Written by the supervisor, read by the console."""
        return self.root / "classifier"

    @property
    def control_socket(self) -> Path:
        """A link to the socket of the running service.  Made by the supervisor, asked by `ivr publish`."""
        return self.root / "control"

    @property
    def content_status(self) -> Path:
        """Which content answers, and what is wrong with the rest.  Written by the supervisor, read by the console."""
        return self.root / "content.json"

    @property
    def asterisk_own(self) -> Path:
        """Administrators' additions to Asterisk's configuration.  Created and read by the supervisor."""
        return self.root / "asterisk"

    @property
    def own_dialplan(self) -> Path:
        """Administrators' addition to the dialplan.  Read by the supervisor and `ivr check`."""
        return self.asterisk_own / "extensions_custom.conf"

    @property
    def tls(self) -> Path:
        """The certificate that the service makes for itself.  Written and read by the supervisor."""
        return self.root / "tls"

    @property
    def queue_log_place(self) -> Path:
        """How far Asterisk's queue log was read.  Written and read by the console."""
        return self.root / "queue_log.place"

    @property
    def purge_clock(self) -> Path:
        """What the clock showed when the last purge was due."""
        return self.root / "clock-of-purge.json"

    def lock(self, job: str) -> Path:
        """The file that a process locks while it does the ``job``, such as ``collector``."""
        return self.root / f"{job}.lock"

    def demo_recording(self, lang: str) -> Path:
        """The recording of a call of `ivr demo`, without the endings of its tracks."""
        return self.root / f"demo-{lang}.wav"

    def stored(self, file: str) -> Path:
        """The path of a ``file`` as the store names it: relative to the state folder."""
        return self.root / file

    def name_of(self, path: Path) -> str:
        """The inverse of ``stored``; raises ValueError for a path outside the state folder."""
        return str(path.relative_to(self.root))
