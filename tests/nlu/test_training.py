"""What training reads and what it throws away; the training itself is in test_rasa.py."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from ivr.content import augmented, versions
from ivr.content.augmented import Misheard
from ivr.content.bundle import FOLDERS
from ivr.content.faq import load_faq
from ivr.core.clock import today
from ivr.core.paths import rasa_models
from ivr.core.settings import Settings, load
from ivr.nlu import augmentation, training
from ivr.service import check
from ivr.speech import caller_voices
from tests.conftest import ROOT

SAID = "quiero subir a la torre Eiffel"


@pytest.fixture
def office(tmp_path: Path) -> Settings:
    """A checkout with the real content."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name)
    return dataclasses.replace(load(root=ROOT), root=tmp_path, var=tmp_path / "var")


def trained(office: Settings, name: str, age: int) -> Path:
    """A model and what its training left, so many seconds old."""
    path = rasa_models(office) / f"{name}.tar.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"model")
    os.utime(path, (1e9 - age, 1e9 - age))
    (office.var / "rasa/work" / name).mkdir(parents=True)
    return path


def test_old_models_go_but_not_those_that_somebody_needs(office: Settings) -> None:
    paths = {name: trained(office, name, age) for age, name in enumerate(("a", "b", "c", "d", "e", "f"))}
    number, draft = versions.snapshot(office)
    versions.keep(office, number, draft, "", {"model": "e.tar.gz"})
    with training.in_use(paths["d"]):
        assert training.clean(office, versions.models(office.var)) == [paths["f"]]
    assert not (office.var / "rasa/work/f").exists()
    assert training.clean(office, versions.models(office.var)) == [paths["d"]]
    assert sorted(path.name[0] for path in rasa_models(office).iterdir()) == ["a", "b", "c", "e"]


def first_example(office: Settings) -> str:
    return next(text for name, text in load_faq(office.root).examples("es") if name == "eiffel.price")


def test_what_was_misheard_is_learned_while_its_example_is_there(office: Settings) -> None:
    said = first_example(office)
    rows = [Misheard("cuánto vale la tore de fel", "eiffel.price", said, "low", "20")]
    rows.append(Misheard("algo de ayer", "eiffel.price", "no example any more", "low", ""))
    rows.append(Misheard("algo movido", "louvre.price", said, "low", ""))
    before = training.model_path(office)
    augmented.write(office.root, "es", rows)
    assert [text for *_, text in augmented.examples(office.root, load_faq(office.root)) if "tore" in text]
    found = {text for lang, _, text in augmented.examples(office.root, load_faq(office.root)) if lang == "es"}
    assert found == {"cuánto vale la tore de fel"}
    assert training.model_path(office) != before


def test_a_broken_line_of_what_was_heard_is_named(office: Settings) -> None:
    path = office.root / augmented.FOLDER / "es.tsv"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{augmented.HEADER}\nonly one column\n", "utf-8")
    found = [str(one) for one in check.run(office.root, today(office))]
    assert any("es.tsv:2" in one for one in found)


def test_no_voice_that_teaches_asks_the_test_questions() -> None:
    assert augmentation.TRAINERS.keys() == caller_voices.VOICES.keys()
    assert not [
        lang for lang, voices in augmentation.TRAINERS.items() if {*voices} & {*caller_voices.VOICES[lang]}
    ]


@pytest.mark.parametrize(
    ("words", "learned"),
    [
        ("quiero subir a la torre de fel", True),
        (SAID.upper(), False),  # an example as it stands
        ("cuánto cuesta la torre", False),  # nearly a test question
        ("muchas gracias por ver el video", False),  # nothing of the question is left
        ("torre", False),  # one word alone
    ],
)
def test_only_what_is_worth_learning_is_kept(words: str, learned: bool) -> None:
    taken = {"quiero subir a la torre eiffel": "eiffel.price", "cuanto cuesta la torre": ""}
    rows = [Misheard(words, "eiffel.price", SAID, "low", "")]
    assert list(augmentation.kept(rows, taken)) == (rows if learned else [])
