"""`ivr publish` and `ivr rollback` on the real content, with the real Rasa, voices and recogniser."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from ivr.content import versions
from ivr.content.bundle import FOLDERS
from ivr.content.heldout import HeldOutQuestion
from ivr.core.settings import Settings, load
from ivr.core.vocabulary import Decision
from ivr.evaluation.scores import JudgedQuestion
from ivr.nlu.classifier import Intent
from ivr.nlu.gate import Verdict
from ivr.service import publishing
from ivr.service.publishing import PublicationRefused
from ivr.setup.content import render, train
from ivr.setup.progress import Task
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

LOUVRE = Path("nlu/faq/louvre.yml")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Settings]:
    """The real content to edit, the real engines, a state of its own."""
    ready()
    settings = load(root=ROOT)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name)
    name = f"test-publish-{os.getpid()}"
    own = dataclasses.replace(settings, root=tmp_path, instance=name)
    own.state.mkdir(parents=True)
    yield own
    shutil.rmtree(own.state)


@cache
def ready() -> None:
    """Model and prompts of the checkout are there, as after the set-up: a publication makes only what changed."""
    settings = load(root=ROOT)
    quiet = Task("", lambda share, text: None)
    train(settings, quiet)
    render(settings, quiet)


def edit(office: Settings, old: str, new: str) -> None:
    path = office.root / LOUVRE
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_a_changed_answer_is_published_and_taken_back(
    office: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(office, "The Louvre", "The great Louvre")
    assert publishing.publish(office, "great") == 0
    assert versions.current(office) == 1
    facts = versions.listed(office)[0].facts
    assert facts["rendered"] >= 0
    assert len(facts["outcomes"]) > 900
    assert "The great Louvre" in (versions.root(office) / LOUVRE).read_text("utf-8")
    assert publishing.rollback(office, None) == 0
    assert versions.root(office) == office.root
    assert "Generation 1 is published" in capsys.readouterr().err


def test_files_with_an_error_are_refused_and_nothing_changes(office: Settings) -> None:
    edit(office, "valid_until:", "valid_untl:")
    with pytest.raises(PublicationRefused) as refusal:
        publishing.publish(office, "")
    assert any("louvre.yml:" in str(finding) for finding in refusal.value.findings)
    assert versions.current(office) == 0
    assert versions.listed(office) == []
    assert not list(versions.folder(office).glob("*.partial"))


def judged(text: str, right: bool) -> JudgedQuestion:
    """A test question that is answered rightly, or with something else."""
    name = "louvre.hours" if right else "orsay"
    question = HeldOutQuestion("en", text, "louvre.hours", "nlu/heldout/en.tsv", 1)
    return JudgedQuestion(question, Intent.of([(name, 1.0)]), Verdict(Decision.ANSWER, name))


def test_a_worse_understanding_is_refused_and_the_broken_questions_named(office: Settings) -> None:
    before = [judged(f"question {number}", True) for number in range(100)]
    number, draft = versions.snapshot(office)
    known = {publishing._key(one): publishing._good(one) for one in before}
    versions.keep(office, number, draft, "", {"outcomes": known})
    versions.point(office, number)
    publishing._compare(office, before)
    with pytest.raises(PublicationRefused, match="3 test questions broke") as refusal:
        publishing._compare(office, [judged(f"question {item}", item > 2) for item in range(100)])
    assert "question 0" in str(refusal.value.findings[0])


def test_what_broke_may_be_made_good_elsewhere(office: Settings) -> None:
    number, draft = versions.snapshot(office)
    known = {publishing._key(judged(f"question {item}", True)): item != 1 for item in range(100)}
    versions.keep(office, number, draft, "", {"outcomes": known})
    versions.point(office, number)
    publishing._compare(office, [judged(f"question {item}", item != 0) for item in range(100)])
