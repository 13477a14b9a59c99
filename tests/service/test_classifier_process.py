"""The classifier process under its supervisor: killed, stopped, without a model, and with one it cannot run."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import os
import shutil
import signal
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from ivr.core.errors import NluUnavailable
from ivr.core.paths import rasa_models
from ivr.core.settings import Settings, load
from ivr.nlu import model, training
from ivr.nlu.classifier import wait_ready
from ivr.nlu.client import HttpClassifier
from ivr.service import child_process
from ivr.service.socket_process import SocketProcess
from tests.conftest import ROOT
from tests.service.calls.store import until

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """An instance whose state lies in ``tmp_path``; the model is the installed one."""
    return dataclasses.replace(load(root=ROOT), instance=str(tmp_path))


@asynccontextmanager
async def supervised(settings: Settings) -> AsyncIterator[tuple[SocketProcess, HttpClassifier]]:
    process = SocketProcess.classifier(settings)
    process.start()
    try:
        async with HttpClassifier.local(process.path, timeout_s=30.0) as client:
            yield process, client
    finally:
        await process.stop()


async def understands(client: HttpClassifier) -> str:
    """The intent of a question, once the model is loaded."""
    assert await wait_ready(client, lambda: True)
    return (await client.classify("prix tour eiffel", "fr")).name


async def replaced(process: SocketProcess, old: int) -> None:
    """Until another process runs."""

    async def another() -> bool:
        return process.pid not in (0, old)

    await until(another, "the process was not replaced", 60)


async def served_model(process: SocketProcess) -> tuple[int, str]:
    """The HTTP status of ``/status``, and the model file that it names."""
    transport = httpx.AsyncHTTPTransport(uds=str(process.path))
    async with httpx.AsyncClient(transport=transport, timeout=30.0) as client:
        answer = await client.get("http://classifier/status")
    return answer.status_code, answer.json()["model_file"]


async def test_it_serves_the_model_of_the_content_in_use(settings: Settings) -> None:
    async with supervised(settings) as (process, client):
        assert await understands(client) == "eiffel.price"
        assert await served_model(process) == (200, training.model_path(settings).name)
        assert settings.classifier_socket.readlink() == process.path
    assert not settings.classifier_socket.is_symlink() and not process.path.exists()


async def test_a_killed_process_is_started_again(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with supervised(settings) as (process, client):
        assert await understands(client) == "eiffel.price"
        killed = process.pid
        os.kill(killed, signal.SIGKILL)
        await replaced(process, killed)
        assert await understands(client) == "eiffel.price"
    assert "ALARM: the classifier ended (signal SIGKILL); starting it again" in caplog.text


async def test_a_stopped_process_is_killed_and_started_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(child_process.SILENT_S, child_process.CLASSIFIER, 2)
    async with supervised(settings) as (process, client):
        assert await understands(client) == "eiffel.price"
        stopped = process.pid
        os.kill(stopped, signal.SIGSTOP)
        await replaced(process, stopped)
        assert await understands(client) == "eiffel.price"
    assert "ALARM: the classifier has shown no sign of life" in caplog.text


async def test_it_ends_with_its_supervisor(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """The end of its standard input is the sign: a supervisor that was killed closes it, too."""
    async with supervised(settings) as (process, client):
        assert await understands(client) == "eiffel.price"
        ended, child = process.pid, process._process
        assert child is not None and child._process is not None and child._process.stdin is not None
        child._process.stdin.close()
        await replaced(process, ended)
    assert "ALARM: the classifier ended (status 0); starting it again" in caplog.text


async def test_without_a_model_it_stays_and_refuses(settings: Settings, tmp_path: Path) -> None:
    """One ALARM, not one per attempt: calls go on with Rasa."""
    var = tmp_path / "var"
    var.mkdir()
    empty = dataclasses.replace(settings, var=var)
    log = empty.state_dir.log("classifier")
    async with supervised(empty) as (process, client):

        async def told() -> bool:
            return log.exists() and "ALARM" in log.read_text("utf-8")

        await until(told, "no ALARM", 60)
        assert not await client.ready() and (await served_model(process))[0] == 409
        with pytest.raises(NluUnavailable):
            await client.classify("prix tour eiffel", "fr")
        pid = process.pid
        await asyncio.sleep(3)
        assert process.pid == pid
    lines = [line for line in log.read_text("utf-8").splitlines() if "ALARM" in line]
    assert len(lines) == 1 and "there is no second classifier beside Rasa" in lines[0]


def archive(path: Path, **files: object) -> Path:
    """A model archive with these files."""
    with tarfile.open(path, "w:gz") as packed:
        for name, content in files.items():
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(f"components/train/{name.replace('_', '.')}")
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return path


def pipeline(*components: str) -> dict[str, object]:
    """Rasa's description of a model with these components."""
    return {"predict_schema": {"nodes": {name: {"uses": name} for name in components}}}


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "metadata.json"),
        (
            {"metadata_json": pipeline("rasa.nlu.classifiers.diet_classifier.DIETClassifier")},
            "only Rasa can run",
        ),
        ({"metadata_json": {}}, "predict_schema"),
        ({"metadata_json": pipeline(model.COMPONENT)}, "kernel.npz"),
        ({"metadata_json": pipeline(model.COMPONENT), "kernel_npz": 1, "model_json": {}}, "pickled"),
    ],
)
def test_a_model_that_this_process_cannot_run_is_refused(
    tmp_path: Path, files: dict[str, object], why: str
) -> None:
    made = archive(tmp_path / "model.tar.gz", **files)
    with pytest.raises(NluUnavailable, match="is no model for this process") as refused:
        model.load(made, ROOT / training.PARTS)
    assert why in str(refused.value)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    whole = training.model_path(load(root=ROOT))
    part = tmp_path / "model.tar.gz"
    with whole.open("rb") as file:
        part.write_bytes(file.read(1_000_000))
    with pytest.raises(NluUnavailable):
        model.load(part, ROOT / training.PARTS)


def test_content_of_a_version_with_other_code_is_refused(tmp_path: Path) -> None:
    """A version that was published with an older pipeline holds no code for this process."""
    settings = load(root=ROOT)
    shutil.copytree(ROOT / training.PARTS, tmp_path / "parts")
    (tmp_path / "parts/model.py").unlink()
    whole = rasa_models(settings) / training.model_path(settings).name
    with pytest.raises(NluUnavailable, match="accueil_rasa.model"):
        model.load(whole, tmp_path / "parts")
