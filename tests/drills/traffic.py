"""Recorded calls to replay: varied callers in five languages ring the real service.

``python -m tests.drills.traffic 40 --instance traffic --side 6 --seconds 200`` starts a service of its own, lets
forty callers ring it, six at a time, and leaves their recordings and events in ``var/state/traffic``.  Run again,
it adds to them; ``--seed`` chooses other calls.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import logging
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ivr.content import heldout
from ivr.core import settings as config
from ivr.core.settings import Settings
from ivr.service.supervisor import Supervisor
from ivr.simulator.harness import own_instance
from ivr.simulator.scenario import CallReport, CallSpec, Digits, HangUp, Interrupt, Say, ScenarioStep, Wait
from ivr.simulator.softphone import Softphone
from ivr.speech.caller_voices import VOICES, caller_wav

KEYS = {"fr": "1", "en": "2", "es": "3", "de": "4", "it": "5"}
PREFIXES = {"fr": "+3361", "en": "+4471", "es": "+3461", "de": "+4915", "it": "+3932"}
BY_VOICE = {
    "fr": "Français, s'il vous plaît.",
    "en": "English, please.",
    "es": "Español, por favor.",
    "de": "Deutsch, bitte.",
    "it": "Italiano, per favore.",
}
FAREWELLS = {
    "fr": "Non merci, au revoir.",
    "en": "No, thank you. Goodbye.",
    "es": "No, gracias. Adiós.",
    "de": "Nein danke, auf Wiederhören.",
    "it": "No grazie, arrivederci.",
}
MESSAGES = {
    "fr": "Bonjour, j'ai perdu mon parapluie dans le métro, rappelez-moi demain.",
    "en": "I lost my red umbrella on the metro, please call me back tomorrow.",
    "es": "He perdido mi paraguas azul en el metro, llámeme mañana.",
    "de": "Ich habe meinen Schirm in der Metro verloren, bitte rufen Sie mich an.",
    "it": "Ho perso il mio ombrello in metropolitana, richiamatemi domani.",
}
PLOTS = ("key", "key", "voice", "question", "barge", "keys", "nonsense", "silent", "message")
"""What callers do; the first is what most do."""


@dataclass(frozen=True)
class Plot:
    """One caller: how he behaves, in which language, from which number."""

    kind: str
    lang: str
    number: str
    steps: tuple[ScenarioStep, ...]


class Author:
    """Invents callers; the same ``seed`` invents the same ones."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self._settings = settings
        self._dice = random.Random(seed)
        self._seed = seed
        questions, _ = heldout.read(settings.root)
        self._questions = {lang: [one for one in questions if one.lang == lang] for lang in KEYS}

    def plot(self, number: int) -> Plot:
        """The caller of that number."""
        lang = list(KEYS)[number % len(KEYS)]
        kind = PLOTS[number // len(KEYS) % len(PLOTS)]
        voice = self._dice.choice(("low", "high") if lang == "fr" else ("low", "high", *VOICES[lang][:1]))
        steps = tuple(getattr(self, f"_{kind}")(lang, voice))
        return Plot(kind, lang, f"{PREFIXES[lang]}{self._seed % 100:02d}{number:05d}", steps)

    def _key(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        [asked] = self._asks(lang, voice, 1)
        return [Digits(KEYS[lang]), asked, self._into(lang, FAREWELLS[lang], voice)]

    def _voice(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        named = self._says(lang, BY_VOICE[lang], voice)
        return [named, *self._asks(lang, voice, 1), self._into(lang, FAREWELLS[lang], voice)]

    def _question(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        return [*self._asks(lang, voice, 1), Wait(6.0), HangUp()]

    def _barge(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        first, second = self._asks(lang, voice, 2)
        into = Interrupt(second.wav)
        return [Digits(KEYS[lang]), first, into, self._into(lang, FAREWELLS[lang], voice)]

    def _keys(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        asked = self._asks(lang, voice, 1)
        return [
            Digits(KEYS[lang]),
            *asked,
            Wait(3.0),
            Digits("*"),
            Wait(2.0),
            Digits("#"),
            Wait(2.0),
            HangUp(),
        ]

    def _nonsense(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        strange = [one for one in self._questions[lang] if one.intent == "oos"]
        texts = [self._dice.choice(strange).text for _ in range(2)]
        return [Digits(KEYS[lang]), *(self._says(lang, text, voice) for text in texts), Wait(3.0), HangUp()]

    def _silent(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        return [Digits(KEYS[lang]), Wait(12.0), *self._asks(lang, voice, 1), Wait(4.0), HangUp()]

    def _message(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        message = self._says(lang, MESSAGES[lang], voice)
        person: list[ScenarioStep] = [Digits(KEYS[lang]), Wait(1.0), Digits("0"), Wait(1.0)]
        return [*person, message, Wait(2.0), Digits("#"), Wait(4.0), HangUp()]

    def _asks(self, lang: str, voice: str, count: int) -> list[Say]:
        chosen = self._dice.sample(self._questions[lang], count)
        return [self._says(lang, one.text, voice) for one in chosen]

    def _into(self, lang: str, text: str, voice: str) -> ScenarioStep:
        """Into what the service says: a caller who has heard enough."""
        return Interrupt(self._says(lang, text, voice).wav)

    def _says(self, lang: str, text: str, voice: str) -> Say:
        return Say(caller_wav(lang, text, voice, settings=self._settings))


async def ring(
    settings: Settings, plots: Sequence[Plot], side: int, seconds: float, longest_s: float
) -> list[CallReport]:
    """Let them all call, ``side`` at a time; nobody begins after ``seconds``."""
    places, deadline = asyncio.Semaphore(side), time.monotonic() + seconds
    async with Supervisor(settings).running(), Softphone(settings) as phone:

        async def one(plot: Plot) -> CallReport | None:
            async with places:
                if time.monotonic() > deadline:
                    return None
                target = f"sip:127.0.0.1:{settings.sip_port}"
                spec = CallSpec(target, plot.steps, max_s=longest_s, caller_id=plot.number)
                report = await phone.call(spec)
                sys.stderr.write(f"{plot.number} {plot.kind:8} {report.duration_s:5.1f} s {report.failure}\n")
                return report

        reports = await asyncio.gather(*(one(plot) for plot in plots))
        await asyncio.sleep(6.0)  # the collector joins the recordings every two seconds
    return [report for report in reports if report is not None]


def main() -> None:
    """Place the calls that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0, help="number of the first caller")
    parser.add_argument("--instance", default="traffic")
    parser.add_argument("--side", type=int, default=6, help="callers at a time")
    parser.add_argument("--seconds", type=float, default=180.0, help="nobody calls later than this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=45.0, help="longest call in seconds")
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    settings = dataclasses.replace(
        own_instance(config.load(), wanted.instance), rtp_start=25000, rtp_end=25399
    )
    author = Author(settings, wanted.seed)
    plots = [author.plot(number) for number in range(wanted.first, wanted.first + wanted.count)]
    reports = asyncio.run(ring(settings, plots, wanted.side, wanted.seconds, wanted.longest))
    sys.stderr.write(f"{sum(report.ok for report in reports)} calls in {settings.state / 'recordings'}\n")


if __name__ == "__main__":
    main()
