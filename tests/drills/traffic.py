"""Makes recorded calls to replay: varied callers in five languages call the real service.

``python -m tests.drills.traffic 40 --instance traffic --side 6 --seconds 200`` starts a service of its own and places
40 calls, six at a time.  Their recordings and events stay in ``var/state/traffic``.  Another run adds to them;
``--seed`` chooses other calls.
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
KINDS = ("key", "key", "voice", "question", "barge", "keys", "nonsense", "silent", "message")
"""Kinds of callers; the first is the most frequent."""


@dataclass(frozen=True)
class CallPlan:
    """One caller: what kind they are, their language and number, and what they do."""

    kind: str
    lang: str
    number: str
    steps: tuple[ScenarioStep, ...]


class CallPlanner:
    """Plans callers; the same ``seed`` gives the same callers."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self._settings = settings
        self._rng = random.Random(seed)
        self._seed = seed
        questions, _ = heldout.read(settings.root)
        self._questions = {lang: [one for one in questions if one.lang == lang] for lang in KEYS}

    def plan(self, number: int) -> CallPlan:
        """Plan the caller ``number``."""
        lang = list(KEYS)[number % len(KEYS)]
        kind = KINDS[number // len(KEYS) % len(KINDS)]
        voice = self._rng.choice(("low", "high") if lang == "fr" else ("low", "high", *VOICES[lang][:1]))
        steps = tuple(getattr(self, f"_{kind}")(lang, voice))
        return CallPlan(kind, lang, f"{PREFIXES[lang]}{self._seed % 100:02d}{number:05d}", steps)

    def _key(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        [asked] = self._asks(lang, voice, 1)
        return [Digits(KEYS[lang]), asked, self._interrupts(lang, FAREWELLS[lang], voice)]

    def _voice(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        named = self._says(lang, BY_VOICE[lang], voice)
        return [named, *self._asks(lang, voice, 1), self._interrupts(lang, FAREWELLS[lang], voice)]

    def _question(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        return [*self._asks(lang, voice, 1), Wait(6.0), HangUp()]

    def _barge(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        first, second = self._asks(lang, voice, 2)
        return [
            Digits(KEYS[lang]),
            first,
            Interrupt(second.wav),
            self._interrupts(lang, FAREWELLS[lang], voice),
        ]

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
        texts = [self._rng.choice(strange).text for _ in range(2)]
        return [Digits(KEYS[lang]), *(self._says(lang, text, voice) for text in texts), Wait(3.0), HangUp()]

    def _silent(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        return [Digits(KEYS[lang]), Wait(12.0), *self._asks(lang, voice, 1), Wait(4.0), HangUp()]

    def _message(self, lang: str, voice: str) -> Sequence[ScenarioStep]:
        message = self._says(lang, MESSAGES[lang], voice)
        person: list[ScenarioStep] = [Digits(KEYS[lang]), Wait(1.0), Digits("0"), Wait(1.0)]
        return [*person, message, Wait(2.0), Digits("#"), Wait(4.0), HangUp()]

    def _asks(self, lang: str, voice: str, count: int) -> list[Say]:
        chosen = self._rng.sample(self._questions[lang], count)
        return [self._says(lang, one.text, voice) for one in chosen]

    def _interrupts(self, lang: str, text: str, voice: str) -> ScenarioStep:
        """Speak over the service: the caller has heard enough."""
        return Interrupt(self._says(lang, text, voice).wav)

    def _says(self, lang: str, text: str, voice: str) -> Say:
        return Say(caller_wav(lang, text, voice, settings=self._settings))


async def place_calls(
    settings: Settings, plans: Sequence[CallPlan], side: int, seconds: float, longest_s: float
) -> list[CallReport]:
    """Place the planned calls.

    side: calls at a time.
    seconds: time after which no further call begins.
    longest_s: longest call in seconds.
    """
    places, deadline = asyncio.Semaphore(side), time.monotonic() + seconds
    async with Supervisor(settings).running(), Softphone(settings) as phone:

        async def one(plan: CallPlan) -> CallReport | None:
            async with places:
                if time.monotonic() > deadline:
                    return None
                target = f"sip:127.0.0.1:{settings.sip_port}"
                spec = CallSpec(target, plan.steps, max_s=longest_s, caller_id=plan.number)
                report = await phone.call(spec)
                sys.stderr.write(f"{plan.number} {plan.kind:8} {report.duration_s:5.1f} s {report.failure}\n")
                return report

        reports = await asyncio.gather(*(one(plan) for plan in plans))
        await asyncio.sleep(6.0)  # the collector joins the recordings every two seconds
    return [report for report in reports if report is not None]


def main() -> None:
    """Parse the command line and place the calls."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0, help="number of the first caller")
    parser.add_argument("--instance", default="traffic")
    parser.add_argument("--side", type=int, default=6, help="callers at a time")
    parser.add_argument("--seconds", type=float, default=180.0, help="no call begins later than this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=45.0, help="longest call in seconds")
    args = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    settings = dataclasses.replace(own_instance(config.load(), args.instance), rtp_start=25000, rtp_end=25399)
    planner = CallPlanner(settings, args.seed)
    plans = [planner.plan(number) for number in range(args.first, args.first + args.count)]
    reports = asyncio.run(place_calls(settings, plans, args.side, args.seconds, args.longest))
    sys.stderr.write(f"{sum(report.ok for report in reports)} calls in {settings.state / 'recordings'}\n")


if __name__ == "__main__":
    main()
