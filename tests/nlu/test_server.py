"""The true Rasa with our parts: trains on a piece of the real content, serves, is asked and evaluated."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.content.faq import load_faq
from ivr.core.errors import UsageError
from ivr.core.paths import rasa_python
from ivr.core.settings import Settings
from ivr.evaluation import nlu
from ivr.nlu import training
from ivr.nlu.ask import ask
from ivr.nlu.client import HttpClassifier
from ivr.nlu.server import RasaServer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TOPICS = ("eiffel", "navigo", "control", "social", "health")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A checkout with five topics, and the installed Rasa."""
    root = tmp_path_factory.mktemp("office")
    for folder in ("nlu", "dialplans", "voices"):
        shutil.copytree(ROOT / folder, root / folder)
    for path in (root / "nlu/faq").glob("*.yml"):
        if path.stem not in TOPICS:
            path.unlink()
    known = load_faq(root).intents
    for path in (root / "nlu/heldout").glob("*.tsv"):
        lines = path.read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line.rpartition("\t")[2] in known]
        path.write_text("\n".join(kept[:40]) + "\n", encoding="utf-8")
    var = root / "var"
    (var / "rasa").mkdir(parents=True)
    installed = ROOT / "var" / "rasa" / "env"
    if not rasa_python(Settings(root=ROOT, var=ROOT / "var")).exists():
        pytest.fail("Rasa's environment is missing: run make setup")
    (var / "rasa" / "env").symlink_to(installed)
    return Settings(root=root, var=var, instance="nlu", rasa_port=5091)


@pytest.fixture(scope="module")
def model(settings: Settings) -> Path:
    return training.train(settings)


@pytest.fixture(scope="module")
def asked(settings: Settings, model: Path) -> Iterator[list[dict[str, object]]]:
    questions = [
        {"lang": "fr", "text": "Combien coûte la tour Eiffel ?"},
        {"lang": "en", "text": "what does a lift ticket for the Eiffel Tower cost"},
        {"lang": "de", "text": "Hilfe! Mein Mann atmet nicht"},
        {"lang": "es", "text": "quiero hablar con una persona"},
        {"lang": "it", "text": "chi ha vinto il campionato di calcio"},
        {"lang": "fr", "text": "?"},
    ]
    yield list(ask(settings, questions))


def test_training_is_done_once(settings: Settings, model: Path) -> None:
    made = model.stat().st_ino
    assert training.train(settings) == model and model.stat().st_ino == made


def test_another_example_is_another_model(settings: Settings, model: Path) -> None:
    path = settings.root / "nlu/faq/eiffel.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("        - prix tour eiffel\n", "        - prix de la dame\n", 1), "utf-8")
    try:
        assert training.model_path(settings) != model
    finally:
        path.write_text(text, encoding="utf-8")
    assert training.model_path(settings) == model


def test_ask_keeps_its_contract(asked: list[dict[str, object]]) -> None:
    keys = ["lang", "text", "intent", "confidence", "decision", "answer", "ms"]
    assert all(list(line) == keys for line in asked)
    assert [line["intent"] for line in asked] == [
        "eiffel.price", "eiffel.price", "emergency", "human", "oos", "oos",
    ]  # fmt: skip
    assert [line["decision"] for line in asked] == [
        "answer", "answer", "answer", "control", "reprompt", "reprompt",
    ]  # fmt: skip
    assert str(asked[0]["answer"]).startswith("Pour un adulte")
    assert [line["answer"] is None for line in asked] == [False, False, False, True, True, True]


def test_ask_refuses_what_is_no_question(settings: Settings, model: Path) -> None:
    with pytest.raises(UsageError):
        list(ask(settings, [{"lang": "pt", "text": "olá"}]))


def test_a_dead_rasa_is_started_again(settings: Settings, model: Path) -> None:
    import os
    import signal

    async def work() -> str:
        async with RasaServer(settings) as server, HttpClassifier(settings.rasa) as rasa:
            first = server.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            async with asyncio.timeout(90):
                while True:
                    await asyncio.sleep(0.2)
                    try:
                        return (await rasa.classify("prix tour eiffel", "fr")).name
                    except Exception as error:  # noqa: BLE001  # away until it is back
                        assert type(error).__name__ == "NluUnavailable"

    assert asyncio.run(work()) == "eiffel.price"


def test_evaluation_scores_and_draws(
    settings: Settings, model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    nlu.run_nlu(settings, as_json=True, html=tmp_path / "report.html")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    total = lines[0]
    assert total["lang"] == "all" and total["questions"] > 100 and total["right"] > 0.9
    assert {line["lang"] for line in lines[1:6]} == {"fr", "en", "es", "de", "it"}
    assert [line["answer"] for line in lines if line["kind"] == "threshold"] == nlu.STEPS
    assert lines[-1]["kind"] == "summary" and "p95_ms" in lines[-1]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page and "Confusion" in page
