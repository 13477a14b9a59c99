"""Downloads over a real connection that is cut."""

from __future__ import annotations

import hashlib
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.core.errors import SetupError
from ivr.setup import download
from ivr.setup.download import Downloader, Unreachable
from tests.setup.server import Site, site

CONTENT = random.Random(1).randbytes(300_000)
SUM = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def served() -> Iterator[Site]:
    with site(CONTENT) as server:
        yield server


@pytest.fixture
def downloader() -> Iterator[Downloader]:
    fetching = Downloader()
    yield fetching
    fetching.close()


def test_a_file_arrives_verified_and_reports_its_progress(
    served: Site, downloader: Downloader, tmp_path: Path
) -> None:
    progress: list[tuple[int, int | None]] = []
    target = tmp_path / "model.bin"
    assert (
        downloader.fetch(served.url, target, SUM, lambda done, total: progress.append((done, total))) == SUM
    )
    assert target.read_bytes() == CONTENT
    assert progress[-1] == (len(CONTENT), len(CONTENT))
    assert not (tmp_path / "model.bin.part").exists()


def test_a_cut_is_resumed_where_it_happened(served: Site, downloader: Downloader, tmp_path: Path) -> None:
    served.cut_after = 100_000
    target = tmp_path / "model.bin"
    downloader.fetch(served.url, target, SUM)
    assert target.read_bytes() == CONTENT
    assert served.ranges_requested == ["", "bytes=100000-"]


def test_the_next_set_up_resumes_what_the_last_one_left(
    served: Site, downloader: Downloader, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(CONTENT[:250_000])
    downloader.fetch(served.url, tmp_path / "model.bin", SUM)
    assert served.ranges_requested == ["bytes=250000-"]


def test_a_whole_part_file_is_taken_without_a_new_download(
    served: Site, downloader: Downloader, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(CONTENT)
    downloader.fetch(served.url, tmp_path / "model.bin", SUM)
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_started_again(
    served: Site, downloader: Downloader, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(CONTENT + b"more")
    downloader.fetch(served.url, tmp_path / "model.bin", SUM)
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(served: Site, downloader: Downloader, tmp_path: Path) -> None:
    served.ranges = False
    (tmp_path / "model.bin.part").write_bytes(b"x" * 1000)
    downloader.fetch(served.url, tmp_path / "model.bin", SUM)
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_deleted(served: Site, downloader: Downloader, tmp_path: Path) -> None:
    served.content = CONTENT[:-1] + b"!"
    with pytest.raises(SetupError, match="refused"):
        downloader.fetch(served.url, tmp_path / "model.bin", SUM)
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_part_with_wrong_bytes_is_refused(
    served: Site, downloader: Downloader, tmp_path: Path
) -> None:
    (tmp_path / "model.bin.part").write_bytes(b"y" * 1000)
    with pytest.raises(SetupError, match="refused"):
        downloader.fetch(served.url, tmp_path / "model.bin", SUM)
    downloader.fetch(served.url, tmp_path / "model.bin", SUM)  # the next attempt starts clean
    assert (tmp_path / "model.bin").read_bytes() == CONTENT


def test_a_server_error_is_described_in_a_few_words(
    served: Site, downloader: Downloader, tmp_path: Path
) -> None:
    served.status = 404
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1: answered 404"):
        downloader.fetch(served.url, tmp_path / "model.bin", SUM)


def test_a_dead_host_costs_one_time_out_not_ten(downloader: Downloader, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"  # bound but not listening: refused
        for name in ("a", "b"):
            with pytest.raises(Unreachable, match="cannot be reached"):
                downloader.fetch(url, tmp_path / name, None)


def test_a_silent_host_is_given_up_and_remembered(
    downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PROBE_S", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # connections succeed, answers never come
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        started = time.monotonic()
        for name in ("a", "b", "c"):
            with pytest.raises(Unreachable, match="no answer in time"):
                downloader.fetch(url, tmp_path / name, None)
        assert time.monotonic() - started < 2
