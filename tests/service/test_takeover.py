"""The service is asked to take up content where it proves that it lives; a stored number proves nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.content import versions
from ivr.core.errors import ConfigError, SetupError, UsageError
from ivr.core.settings import Settings, load
from ivr.service import publishing, takeover
from ivr.service.takeover import NotTakenUp
from tests.conftest import ROOT


@pytest.fixture
def office(tmp_path: Path) -> Settings:
    settings = dataclasses.replace(load(root=ROOT), var=tmp_path)
    settings.state.mkdir(parents=True)
    return settings


async def taken_up(number: int, wanted: Callable[[], bool]) -> None:
    assert wanted()


async def refused(number: int, wanted: Callable[[], bool]) -> None:
    raise SetupError(f"no trained model of generation {number}")


async def broken(number: int, wanted: Callable[[], bool]) -> None:
    raise ZeroDivisionError("an error of the program")


async def test_the_service_says_yes(office: Settings) -> None:
    with takeover.only_one(office):
        async with takeover.answering(office, taken_up):
            assert await asyncio.to_thread(takeover.ask, office, 3) is True
        assert not office.state_dir.control_socket.is_symlink()


@pytest.mark.parametrize(
    ("answer", "reason"), [(refused, "no trained model"), (broken, "an error of the program")]
)
async def test_the_service_says_no(office: Settings, answer: takeover.TakeUp, reason: str) -> None:
    async with takeover.answering(office, answer):
        with pytest.raises(NotTakenUp, match=reason):
            await asyncio.to_thread(takeover.ask, office, 3)


async def test_a_refusal_leaves_the_pointer_and_removes_what_was_published(office: Settings) -> None:
    number, draft = versions.snapshot(office)
    versions.keep(office, number, draft, "", {})
    async with takeover.answering(office, refused):
        with pytest.raises(NotTakenUp):
            await asyncio.to_thread(publishing.rollback, office, number)
    assert versions.pointer(office) == 0
    assert [one.number for one in versions.listed(office)] == [number]
    versions.discard(office, number)
    assert versions.listed(office) == []


def test_the_process_of_an_old_number_lives_and_no_service_is_said_to_run(office: Settings) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        office.state_dir.pid_file.write_text(str(stranger.pid), "utf-8")
        assert takeover.ask(office, 0) is False
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_socket_that_a_killed_service_left_is_no_service(office: Settings, tmp_path: Path) -> None:
    left = tmp_path / "left"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(left))
    office.state_dir.control_socket.symlink_to(left)
    assert takeover.ask(office, 0) is False


def test_a_service_that_cannot_be_asked_is_not_taken_for_none(office: Settings) -> None:
    with takeover.only_one(office), pytest.raises(NotTakenUp, match="cannot be asked"):
        takeover.ask(office, 0)


def test_an_instance_runs_once(office: Settings) -> None:
    with (
        takeover.only_one(office),
        pytest.raises(SetupError, match="runs already"),
        takeover.only_one(office),
    ):
        pass


async def test_a_service_that_dies_while_it_is_asked_has_refused(office: Settings) -> None:
    async def dies(number: int, wanted: Callable[[], bool]) -> None:
        raise asyncio.CancelledError

    async with takeover.answering(office, dies):
        with pytest.raises(NotTakenUp, match="ended before"):
            await asyncio.to_thread(takeover.ask, office, 3)


def test_two_publications_at_once(office: Settings) -> None:
    with versions.changing(office):
        with pytest.raises(ConfigError, match="another publication is under way"):
            publishing.publish(office, "the second")
        with pytest.raises(ConfigError, match="another publication is under way"):
            publishing.rollback(office, 0)
    assert versions.listed(office) == []


@pytest.mark.parametrize("number", [7, 10**9])
def test_back_to_what_is_not_there(office: Settings, number: int) -> None:
    with pytest.raises(UsageError, match="no generation"):
        publishing.rollback(office, number)
    assert versions.pointer(office) == 0


def test_back_to_a_version_without_a_model_is_refused(office: Settings) -> None:
    (office.var / "asterisk").symlink_to(load(root=ROOT).var / "asterisk")
    number, draft = versions.snapshot(office)
    versions.keep(office, number, draft, "", {"model": "gone.tar.gz"})
    with pytest.raises(ConfigError, match="no trained model"):
        publishing.rollback(office, number)
    assert versions.pointer(office) == 0
