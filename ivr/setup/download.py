"""Downloads that survive a cut: they go on where they stopped, and nothing unverified gets its final name."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import httpx

from ivr.core.errors import SetupError

CONNECT_S = 3.0
"""Longest wait for a connection."""
KNOCK_S = 8.0
"""Longest wait for a host's first answer, look-up of its name included."""
READ_S = 20.0
"""Longest silence of a server in the middle of a download."""
TRIES = 3
"""Attempts to go on after a cut before giving up; the part that arrived stays for the next set-up."""

OnDownload = Callable[[int, int | None], None]
"""Told (bytes so far, bytes in all or None)."""


class Unreachable(SetupError):
    """The address gave no answer, or not the file."""


class Downloader:
    """Fetches files over HTTP.  Remembers hosts that could not be reached: one time-out each."""

    def __init__(self) -> None:
        trusted = ssl.create_default_context(cafile=certifi.where())
        trusted.load_default_certs()  # and what the machine trusts, such as a company's own authority
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        self._client = httpx.Client(timeout=timeout, follow_redirects=True, verify=trusted)
        self._gone: dict[str, str] = {}
        self._hosts: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def fetch(self, url: str, target: Path, sha256: str | None, report: OnDownload | None = None) -> str:
        """Get ``url`` into ``target``, verified when a sum is given; returns the SHA-256.

        ``target`` appears only when it is whole and right; until then the bytes are in ``target.part``.
        """
        part = target.with_name(f"{target.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        self._meet(url)
        for attempt in range(1, TRIES + 1):
            try:
                self._append(url, part, report or (lambda done, total: None))
                break
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if attempt == TRIES or isinstance(error, httpx.HTTPStatusError):
                    raise Unreachable(f"{host(url)}: {reason(error)}") from error
        found = sum_of(part)
        if sha256 and found != sha256:
            part.unlink()
            raise SetupError(f"{url}: SHA-256 is {found}, not {sha256}: refused")
        part.replace(target)
        return found

    def _meet(self, url: str) -> None:
        """Raises Unreachable at once for a host known to be away; the first to ask finds out for all."""
        name = host(url)
        with self._lock:
            door = self._hosts.setdefault(name, threading.Lock())
        with door:
            if name in self._gone:
                raise Unreachable(f"{name}: {self._gone[name]}")
            why = self._knock(url)
            if why:
                self._gone[name] = why
                raise Unreachable(f"{name}: {why}")

    def _knock(self, url: str) -> str:
        """Why the host does not answer; empty when it does.

        In a thread of its own, for no time-out covers the look-up of a name: that can hang for a minute.
        """
        answer: list[str] = []

        def ask() -> None:
            try:
                self._client.head(url, follow_redirects=False)
                answer.append("")
            except httpx.HTTPError as error:
                answer.append(reason(error))

        thread = threading.Thread(target=ask, name="knock", daemon=True)
        thread.start()
        thread.join(KNOCK_S)
        return answer[0] if answer else "no answer in time"

    def _append(self, url: str, part: Path, report: OnDownload) -> None:
        """Ask for what is missing of ``part``; a server that starts over again is followed."""
        have = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        with self._client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
                if whole != str(have):
                    part.unlink()
                    raise httpx.ReadError("the file there has changed")
                return
            answer.raise_for_status()
            resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
            done = have if resumed else 0
            length = answer.headers.get("Content-Length")
            total = done + int(length) if length else None
            with part.open("ab" if resumed else "wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
                    done += len(chunk)
                    report(done, total)


def host(url: str) -> str:
    """The host of an address, for people."""
    return urlsplit(url).hostname or url


def reason(error: Exception) -> str:
    """Why, in a few words."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"answered {error.response.status_code}"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return "cannot be reached" if isinstance(error, httpx.ConnectError) else f"cut off ({error})"


def sum_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
