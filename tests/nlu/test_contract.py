"""One contract for every classifier, with the real Rasa, the real process and the model of today's content."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from ivr.content import heldout
from ivr.content.faq import load_faq
from ivr.core.settings import Settings
from ivr.nlu import model, training
from ivr.nlu.classifier import Intent, IntentClassifier, wait_ready
from ivr.nlu.client import HttpClassifier
from ivr.nlu.fallback import FallbackClassifier
from ivr.nlu.model import ModelClassifier
from ivr.nlu.server import RasaServer
from ivr.service.socket_process import SocketProcess
from tests.conftest import ROOT, Resident, free_ports, fresh_settings

pytestmark = pytest.mark.slow

ADAPTERS = ("rasa", "local", "model", "both")
"""Rasa over HTTP; the classifier process at its socket; its model in this process; the two as calls use them."""
SAME = 1e-4
"""Greatest difference of one probability: Rasa's environment has another numpy."""
PATIENT_S = 30.0
"""The machine may be busy: how long an answer takes is not tested here."""


@dataclass(frozen=True)
class Installed:
    """The classifiers that run, and where the clients find them."""

    settings: Settings
    process: SocketProcess
    model: model.TrainedModel


@asynccontextmanager
async def installed_classifiers(settings: Settings) -> AsyncIterator[Installed]:
    """Rasa and the classifier process, both with the model of today's content."""
    process = SocketProcess.classifier(settings)
    archive = training.model_path(settings)
    async with AsyncExitStack() as stack:
        process.start()
        stack.push_async_callback(process.stop)
        await stack.enter_async_context(RasaServer(settings))
        loaded = await asyncio.to_thread(model.load, archive, settings.root / training.PARTS)
        async with HttpClassifier.local(process.path) as local:
            assert await wait_ready(local, lambda: True)
        yield Installed(settings, process, loaded)


@pytest.fixture(scope="module")
def installed(hold: Callable[[], Resident]) -> Iterator[Installed]:
    (port,) = free_ports(socket.SOCK_STREAM, 1)
    resident = hold()
    yield resident.enter(
        installed_classifiers(dataclasses.replace(fresh_settings(), rasa_url="", rasa_port=port))
    )
    resident.leave()


@asynccontextmanager
async def classifier(installed: Installed, adapter: str) -> AsyncIterator[IntentClassifier]:
    """The classifier of that name."""
    async with (
        HttpClassifier(installed.settings.rasa, timeout_s=PATIENT_S) as rasa,
        HttpClassifier.local(installed.process.path, timeout_s=PATIENT_S) as local,
        FallbackClassifier(rasa, local) as both,
    ):
        known: dict[str, IntentClassifier] = {
            "rasa": rasa, "local": local, "model": ModelClassifier(installed.model), "both": both,
        }  # fmt: skip
        yield known[adapter]


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_a_question_is_understood_in_every_language(installed: Installed, adapter: str) -> None:
    questions = {
        "fr": "Combien coûte la tour Eiffel ?",
        "en": "what does a lift ticket for the Eiffel Tower cost",
        "es": "¿Cuánto cuesta subir a la torre Eiffel?",
        "de": "Was kostet der Eiffelturm?",
        "it": "quanto costa la torre Eiffel",
    }
    async with classifier(installed, adapter) as asked:
        found = [await asked.classify(text, lang) for lang, text in questions.items()]
    assert [intent.name for intent in found] == ["eiffel.price"] * 5
    assert {intent.classifier for intent in found} == {"rasa" if adapter in ("rasa", "both") else "local"}


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_the_ranking_holds_every_intent_best_first(installed: Installed, adapter: str) -> None:
    async with classifier(installed, adapter) as asked:
        intent = await asked.classify("prix tour eiffel", "fr")
    names = [name for name, _ in intent.ranking]
    shares = [share for _, share in intent.ranking]
    assert sorted(names) == sorted(load_faq(ROOT).intents)
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(1.0, abs=1e-3)
    assert (intent.name, intent.confidence) == intent.ranking[0]


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("text", ["", " ...?! ", "?"])
async def test_a_sentence_without_words_is_out_of_scope(
    installed: Installed, adapter: str, text: str
) -> None:
    async with classifier(installed, adapter) as asked:
        assert await asked.classify(text, "fr") == Intent("oos", 1.0, (("oos", 1.0),))


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_a_language_without_phonemes_is_understood_by_its_words(
    installed: Installed, adapter: str
) -> None:
    async with classifier(installed, adapter) as asked:
        assert (await asked.classify("prix tour eiffel", "xx")).name == "eiffel.price"


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_questions_at_the_same_time_get_their_own_answers(installed: Installed, adapter: str) -> None:
    questions = ["prix tour eiffel", "horaires du louvre", "parler à quelqu'un"] * 3
    async with classifier(installed, adapter) as asked:
        one_by_one = [await asked.classify(text, "fr") for text in questions[:3]]
        together = await asyncio.gather(*(asked.classify(text, "fr") for text in questions))
    assert [intent.name for intent in together] == [intent.name for intent in one_by_one] * 3


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_it_is_ready(installed: Installed, adapter: str) -> None:
    async with classifier(installed, adapter) as asked:
        assert await asked.ready() and asked.name in ("rasa", "local")


async def test_rasa_and_our_process_rank_all_held_out_questions_alike(installed: Installed) -> None:
    """The same intents in the same order, with the same probabilities; the model runs in both environments."""
    questions, findings = heldout.read(ROOT)
    assert len(questions) > 1000 and not findings
    async with classifier(installed, "rasa") as rasa, classifier(installed, "local") as local:
        differ = [
            f"{one.lang} {one.text}: {difference}"
            for one in questions
            if (difference := _difference(*await _both(rasa, local, one.text, one.lang)))
        ]
    assert differ == []


async def _both(
    rasa: IntentClassifier, local: IntentClassifier, text: str, lang: str
) -> tuple[Intent, Intent]:
    return await asyncio.gather(rasa.classify(text, lang), local.classify(text, lang))


def _difference(one: Intent, other: Intent) -> str:
    """What differs, in words; intents that are as probable as each other may change places."""
    shares = dict(other.ranking)
    if dict(one.ranking).keys() != shares.keys():
        return "other intents"
    worst = max(abs(share - shares[name]) for name, share in one.ranking)
    if worst > SAME:
        return f"a probability differs by {worst:.6f}"
    ordered = [shares[name] for name, _ in one.ranking]
    if any(after - before > SAME for before, after in zip(ordered, ordered[1:], strict=False)):
        return "another order"
    return "" if one.name == other.name or one.confidence - shares[one.name] <= SAME else "another intent"
