"""A private Asterisk with plain extensions, and a simulated telephone that calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivr.asterisk.config import remove, render
from ivr.asterisk.parameters import PbxParameters
from ivr.asterisk.process import Asterisk
from ivr.core.audio import PHONE_RATE, resample, silence, write_wav
from ivr.simulator.softphone import Softphone
from tests.asterisk.peers import tone
from tests.conftest import Resident, fresh_settings

EXTENSIONS = """
[inbound](+)
exten => echo,1,Answer()
 same => n,Echo()
exten => silent,1,Answer()
 same => n,Wait(60)
exten => twice,1,Answer()
 same => n,Playback({sounds}/word)
 same => n,Wait(1.5)
 same => n,Playback({sounds}/word)
 same => n,Wait(0.5)
 same => n,Hangup()
exten => pause,1,Answer()
 same => n,Playback({sounds}/pause)
 same => n,Hangup()
exten => long,1,Answer()
 same => n,Playback({sounds}/long)
 same => n,Wait(60)
exten => keys,1,Answer()
 same => n,Goto(pressed,s,1)
exten => who,1,Set(GLOBAL(WHO)=${{CALLERID(num)}})
 same => n,Answer()
 same => n,Hangup()
exten => busy,1,Hangup(17)
exten => refuse,1,Hangup(21)

[pressed]
exten => s,1,Background({sounds}/word)
 same => n,WaitExten(5)
exten => _XXX,1,Set(GLOBAL(KEYS)=${{EXTEN}})
 same => n,Hangup()
"""


@dataclass(frozen=True)
class Exchange:
    """The telephone, the Asterisk that it calls, and that Asterisk's SIP port."""

    phone: Softphone
    asterisk: Asterisk
    port: int

    def to(self, extension: str) -> str:
        return f"sip:{extension}@127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def exchange(hold: Callable[[], Resident]) -> Iterator[Exchange]:
    settings = fresh_settings()
    own = settings.state / "asterisk"
    own.mkdir(parents=True)
    (own / "extensions_custom.conf").write_text(EXTENSIONS.format(sounds=f"{settings.pbx_inside}/sounds"))
    render(settings, PbxParameters())
    for name, seconds in (("word", 0.8), ("long", 8.0)):
        pcm = resample(tone(seconds), 16_000, PHONE_RATE)
        write_wav(settings.pbx / f"sounds/{name}.wav", pcm, PHONE_RATE)
    word = resample(tone(0.8), 16_000, PHONE_RATE)
    pause = word + silence(1.5, PHONE_RATE) + word + silence(0.5, PHONE_RATE)
    write_wav(settings.pbx / "sounds/pause.wav", pause, PHONE_RATE)
    pbx, telephone = hold(), hold()
    asterisk = pbx.enter(Asterisk(settings))
    yield Exchange(telephone.enter(Softphone(settings)), asterisk, settings.sip_port)
    telephone.leave()
    pbx.leave()
    remove(settings)


@pytest.fixture
def word(tmp_path: Path) -> Path:
    """An utterance of 0.6 s."""
    path = tmp_path / "word.wav"
    write_wav(path, tone(0.6, 600))
    return path
