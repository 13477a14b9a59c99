"""Downloads over HTTP that resume after an interruption; a file gets its final name once it is verified."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import certifi
import httpx

from ivr.core.errors import SetupError
from ivr.core.files import sha256_of

CONNECT_S = 3.0
"""Longest wait for a connection."""
PROBE_S = 8.0
"""Longest wait for a host's first answer, including the look-up of its name."""
READ_S = 20.0
"""Longest silence of a server during a download."""
TRIES = 3
"""Attempts at one file.  After the last one the received part stays for the next set-up."""

OnDownload = Callable[[int, int | None], None]
"""Receives the bytes so far, and the bytes in all or None."""


class Unreachable(SetupError):
    """The address did not answer, or did not return the file."""


class Downloader:
    """Fetches files over HTTP.  A host that cannot be reached costs one time-out, because it is remembered."""

    def __init__(self) -> None:
        trusted = ssl.create_default_context(cafile=certifi.where())
        trusted.load_default_certs()  # the machine may trust more, such as a company's authority
        timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
        self._client = httpx.Client(timeout=timeout, follow_redirects=True, verify=trusted)
        self._unreachable: dict[str, str] = {}
        self._host_locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def fetch(self, url: str, target: Path, sha256: str | None, report: OnDownload | None = None) -> str:
        """Download ``url`` to ``target`` and return the file's SHA-256.

        sha256: expected sum; None: any.
        report: called with the progress.
        The file appears when it is complete and verified; until then its bytes are in ``<target>.part``.
        Raises Unreachable when the host does not answer, SetupError when the sum is wrong.
        """
        part = target.with_name(f"{target.name}.part")
        part.parent.mkdir(parents=True, exist_ok=True)
        self._check_host(url)
        for attempt in range(1, TRIES + 1):
            try:
                self._append(url, part, report or (lambda done, total: None))
                break
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                if attempt == TRIES or isinstance(error, httpx.HTTPStatusError):
                    raise Unreachable(f"{host(url)}: {reason(error)}") from error
        found = sha256_of(part)
        if sha256 and found != sha256:
            part.unlink()
            raise SetupError(f"{url}: SHA-256 is {found}, not {sha256}: refused")
        part.replace(target)
        return found

    def _check_host(self, url: str) -> None:
        """Raise Unreachable if the host cannot be reached; the first caller probes it for all others."""
        name = host(url)
        with self._lock:
            host_lock = self._host_locks.setdefault(name, threading.Lock())
        with host_lock:
            if name in self._unreachable:
                raise Unreachable(f"{name}: {self._unreachable[name]}")
            why = self._probe(url)
            if why:
                self._unreachable[name] = why
                raise Unreachable(f"{name}: {why}")

    def _probe(self, url: str) -> str:
        """Return why the host does not answer, or an empty string.

        It runs in a thread of its own, because no time-out covers the look-up of a name, which can take a minute.
        """
        answer: list[str] = []

        def ask() -> None:
            try:
                self._client.head(url, follow_redirects=False)
                answer.append("")
            except httpx.HTTPError as error:
                answer.append(reason(error))

        thread = threading.Thread(target=ask, name="probe", daemon=True)
        thread.start()
        thread.join(PROBE_S)
        return answer[0] if answer else "no answer in time"

    def _append(self, url: str, part: Path, report: OnDownload) -> None:
        """Request the missing bytes of ``part``; start over when the server sends the whole file."""
        existing = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={existing}-"} if existing else {})}
        with self._client.stream("GET", url, headers=headers) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and existing:
                whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
                if whole != str(existing):
                    part.unlink()
                    raise httpx.ReadError("the file there has changed")
                return
            answer.raise_for_status()
            resumed = answer.status_code == httpx.codes.PARTIAL_CONTENT
            done = existing if resumed else 0
            length = answer.headers.get("Content-Length")
            total = done + int(length) if length else None
            with part.open("ab" if resumed else "wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
                    done += len(chunk)
                    report(done, total)


def host(url: str) -> str:
    """The host of ``url``, for messages."""
    return urlsplit(url).hostname or url


def reason(error: Exception) -> str:
    """Describe a failed request in a few words."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"answered {error.response.status_code}"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return "cannot be reached" if isinstance(error, httpx.ConnectError) else f"cut off ({error})"
