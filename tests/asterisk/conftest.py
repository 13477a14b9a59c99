"""The peers of this folder's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.asterisk.config import remove, render
from ivr.asterisk.parameters import PbxParameters, PbxTelephone, Queue
from ivr.asterisk.process import Asterisk
from ivr.core.audio import PHONE_RATE, resample, write_wav
from ivr.simulator.softphone import Softphone
from tests.asterisk.peers import FakePeer, RealPeer, tone
from tests.conftest import Resident, fresh_settings
from tests.fakes.asterisk import FakeAsterisk

FALLBACK_HZ, CROWDED_HZ, SENT_HZ, UNSENT_HZ, WAIT_HZ = 700, 400, 1900, 3200, 2900
WHISPER_HZ, PLACE_HZ, NEXT_HZ, TIME_HZ = 1700, 2000, 2300, 2600
"""What is said is a tone in these tests, so that it can be told from prompts."""
GERMAN_HZ = 1500
LAST_WORDS = {
    "fallback": FALLBACK_HZ, "crowded": CROWDED_HZ, "sent": SENT_HZ, "unsent": UNSENT_HZ, "wait": WAIT_HZ,
}  # fmt: skip
"""File -> what is heard of it in French and English."""


ADVISERS = tuple(
    PbxTelephone(f"adviser{number}", f"adviser{number}", languages=("fr", "en"), ring_s=3)
    for number in (1, 2)
)


@pytest.fixture
def fake(hold: Callable[[], Resident]) -> Iterator[FakePeer]:
    """A fake Asterisk that plays in real time."""
    resident = hold()
    yield FakePeer(resident.enter(FakeAsterisk()))
    resident.leave()


@pytest.fixture(scope="module")
def real(hold: Callable[[], Resident]) -> Iterator[RealPeer]:
    """A private Asterisk with the service's dialplan, two advisers, and a telephone to call it."""
    settings = fresh_settings()
    render(settings, PbxParameters(advisers=ADVISERS, deadman_s=2, queue=Queue(wrap_up_s=1)))
    apology(settings.pbx / "sounds")
    whisper(settings.pbx / "share/sounds/fr/desk")
    places(settings.pbx / "share/sounds/en")
    pbx, telephone = hold(), hold()
    asterisk = pbx.enter(Asterisk(settings))
    phone = telephone.enter(Softphone(settings))
    yield RealPeer(settings, asterisk, phone)
    telephone.leave()
    pbx.leave()
    remove(settings)


@pytest.fixture(params=["fake", "real"])
def peer(request: pytest.FixtureRequest) -> FakePeer | RealPeer:
    """Both, one after the other."""
    found: FakePeer | RealPeer = request.getfixturevalue(request.param)
    return found


def apology(folder: Path) -> None:
    """Sounds of the fallback, in German with a tone of its own, of a full service, and of a lost worker: tones."""
    german = resample(tone(0.5, GERMAN_HZ), 16_000, PHONE_RATE)
    write_wav(folder / "fallback-de.wav", german, PHONE_RATE)
    for name, hertz in LAST_WORDS.items():
        for lang in ("fr", "en"):
            path = folder / f"{name}-{lang}.wav"
            write_wav(path, resample(tone(0.5, hertz), 16_000, PHONE_RATE), PHONE_RATE)


def whisper(folder: Path) -> None:
    """The announcement for an adviser: a tone."""
    folder.mkdir(parents=True)
    for name in ("lang-en", "why-asked", "accept"):
        write_wav(folder / f"{name}.wav", resample(tone(0.6, WHISPER_HZ), 16_000, PHONE_RATE), PHONE_RATE)


def places(folder: Path) -> None:
    """Announcements for waiting callers: the number for the second, another for the first, and the time for a
    caller who waits a minute."""
    for name, hertz in (("digits/2", PLACE_HZ), ("desk/next", NEXT_HZ), ("../en_60/desk/options", TIME_HZ)):
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, resample(tone(0.6, hertz), 16_000, PHONE_RATE), PHONE_RATE)
