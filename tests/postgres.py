"""A PostgreSQL server for tests and drills: Debian's programs with a cluster of its own under ``var/``.

The machine's clusters are not touched.  When the tests run as root it runs as the user ``postgres``, because
PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import sqlalchemy as sa

from ivr.setup import postgresql
from tests.conftest import ROOT, free_ports

READY_S = 60.0
USER = "postgres"


class Server:
    """A server in ``folder``, and its databases, one for each test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(socket.SOCK_STREAM, 1)[0]
        self.password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = pwd.getpwnam(USER) if os.geteuid() == 0 else None

    def create(self) -> None:
        """Create an empty cluster."""
        self.folder.mkdir(parents=True, mode=0o700)
        secret = self.folder.with_suffix(".password")
        secret.write_text(self.password)
        if self._owner is not None:
            for path in (self.folder, secret):
                os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        command = ["initdb", "--auth=scram-sha-256", f"--pwfile={secret}", f"--username={USER}", "--no-sync"]
        try:
            process = self._popen([*command, "--encoding=UTF8", "--locale=C", f"--pgdata={self.folder}"])
            output = process.communicate()[0]
            assert process.returncode == 0, output.decode()
        finally:
            secret.unlink()

    def start(self) -> None:
        """Start the server; returns when it answers."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 50,
            "shared_buffers": "16MB",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = self._popen(["postgres", "-D", str(self.folder), *arguments], log.fileno())
        deadline = time.monotonic() + READY_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT closes connections and shuts down cleanly, SIGQUIT acts like a power failure."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(READY_S)
        self._process = None

    def pause(self) -> None:
        """Freeze the server: connections get neither an answer nor a refusal."""
        self._send_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue a frozen server."""
        self._send_all(signal.SIGCONT)

    def _send_all(self, how: signal.Signals) -> None:
        """Signal the server and the processes of its connections, each of which has a process group of its own."""
        assert self._process is not None
        main = psutil.Process(self._process.pid)
        for process in (main, *main.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(how)

    def remove(self) -> None:
        """Stop the server and delete all databases."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def database(self, name: str = "") -> str:
        """Create an empty database and return its address."""
        name = name or f"test_{secrets.token_hex(6)}"
        self._execute(f'CREATE DATABASE "{name}"')
        return self._address(name)

    def drop(self, address: str) -> None:
        """Delete a database, even with open connections."""
        self._execute(f'DROP DATABASE IF EXISTS "{sa.make_url(address).database}" WITH (FORCE)')

    def _address(self, name: str) -> str:
        return f"postgresql+psycopg://{USER}:{self.password}@127.0.0.1:{self.port}/{name}"

    def _execute(self, statement: str) -> None:
        engine = sa.create_engine(self._address("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(sa.text(statement))
        finally:
            engine.dispose()

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except sa.exc.OperationalError:
            return False
        return True

    def _popen(self, command: list[str], output: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
        owner = self._owner
        return subprocess.Popen(
            [postgresql.program(command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            user=owner and owner.pw_uid,
            group=owner and owner.pw_gid,
            extra_groups=[] if owner else None,
            start_new_session=True,
        )


@contextmanager
def server() -> Iterator[Server]:
    """Run a server until exit."""
    running = Server(ROOT / "var/postgresql" / f"test-{os.getpid()}-{secrets.token_hex(3)}")
    try:
        running.create()
        running.start()
        yield running
    finally:
        running.remove()
