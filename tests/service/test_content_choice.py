"""Which content a start uses: whatever is wrong with edited or published files, something answers calls."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.content import defaults, versions
from ivr.content.bundle import FOLDERS
from ivr.content.phrases import Phrase
from ivr.core.errors import ConfigError
from ivr.core.settings import Settings, load
from ivr.service import check, content_choice
from ivr.service.pbx_parameters import pbx_parameters, templates_version
from tests.conftest import ROOT
from tests.fakes.wrong_files import WRONG, lift

FAQ, PHRASES = "nlu/faq/louvre.yml", "voices/phrases/de.yml"
PLACES = (
    FAQ, PHRASES, "dialplans/callflow.yml", "nlu/languages.yml", "nlu/emergency.yml", "nlu/urgency.yml",
    "nlu/hotwords.yml", "voices/say/fr.yml", "dialplans/asterisk/extensions.conf", "dialplans/asterisk/pjsip.conf",
    "nlu/heard/fr.tsv",
)  # fmt: skip
"""A file of each kind that a start reads."""


def changed(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.write_bytes(change(KEPT[path.name]))

    return write


KEPT = {Path(place).name: (ROOT / place).read_bytes() for place in PLACES}
EDITED: dict[str, Callable[[Path], object]] = {
    "half": changed(lambda text: text[: len(text) // 2]),
    "UTF-16": changed(lambda text: text.decode().encode("utf-16")),
    "latin-1": changed(lambda text: b"# \xe9t\xe9\n" + text),
    "zero bytes at the end": changed(lambda text: text[:-512] + bytes(512)),
    "gone": lambda path: None,
}
BROKEN = {**WRONG, **EDITED}
CASES = [(kind, PLACES[number % len(PLACES)]) for number, kind in enumerate([*WRONG][::2] + [*EDITED])]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Settings]:
    """A checkout of its own, a state of its own, and the Asterisk of the machine."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name)
    var = tmp_path / "var"
    var.mkdir()
    real = load(root=ROOT)
    (var / "asterisk").symlink_to(real.var / "asterisk")
    yield dataclasses.replace(real, root=tmp_path, var=var)


def damaged(root: Path, kind: str, place: str) -> Path:
    path = root / place
    path.unlink()
    BROKEN[kind](path)
    return path


def published(office: Settings) -> int:
    number, draft = versions.snapshot(office)
    versions.keep(office, number, draft, "", {"templates": templates_version()})
    versions.point(office, number)
    return number


def used(office: Settings) -> Path:
    return content_choice.choose(office).settings.root


@pytest.mark.parametrize(("kind", "place"), CASES)
def test_a_broken_draft_is_told_of_and_something_else_answers(
    office: Settings, kind: str, place: str
) -> None:
    path = damaged(office.root, kind, place)
    try:
        choice = content_choice.choose(office)
    finally:
        lift(path)
    assert choice.settings.root == defaults.ROOT
    assert choice.content.phrases.text("de", Phrase.WELCOME)
    problem = choice.problems[0]
    assert place in problem and ":" in problem
    assert "\n" not in problem and "Traceback" not in problem


@pytest.mark.parametrize(("kind", "place"), CASES[::7])
def test_a_draft_does_not_matter_once_something_is_published(office: Settings, kind: str, place: str) -> None:
    number = published(office)
    path = damaged(office.root, kind, place)
    try:
        assert used(office) == versions.path(office, number)
    finally:
        lift(path)


@pytest.mark.parametrize(("kind", "place"), CASES[1::5])
def test_a_damaged_version_gives_way_to_the_one_before(office: Settings, kind: str, place: str) -> None:
    before, now = published(office), published(office)
    path = damaged(versions.path(office, now), kind, place)
    try:
        choice = content_choice.choose(office)
    finally:
        lift(path)
    assert choice.settings.root == versions.path(office, before)
    assert place in choice.problems[0]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, ("current", "manifest")[number % 2]) for number, kind in enumerate(WRONG)]
)
def test_a_damaged_pointer_or_manifest_leaves_a_whole_version(office: Settings, kind: str, name: str) -> None:
    before, now = published(office), published(office)
    state = office.state_dir
    path = state.current_version if name == "current" else versions.path(office, now) / versions.MANIFEST
    path.unlink()
    WRONG[kind](path)
    try:
        assert used(office) == versions.path(office, now if name == "current" else before)
        assert [one.number for one in versions.listed(office)] == ([1, 2] if name == "current" else [1])
        assert versions.models(office.var) == {""}
    finally:
        lift(path)


def test_all_versions_damaged_and_the_draft_too(office: Settings) -> None:
    for number in (published(office), published(office)):
        damaged(versions.path(office, number), "zeros", PHRASES)
    damaged(office.root, "half", FAQ)
    choice = content_choice.choose(office)
    assert choice.settings.root == defaults.ROOT
    assert len(choice.problems) == 2


def test_with_nothing_published_the_files_answer_as_they_last_did(office: Settings) -> None:
    versions.keep_draft(office, {"model": "", "templates": templates_version()})
    damaged(office.root, "half", FAQ)
    choice = content_choice.choose(office)
    assert choice.settings.root == versions.path(office, versions.LAST_DRAFT)
    assert "louvre" in {choice.content.faq.topic(name) for name in choice.content.faq.intents}
    assert versions.current(office) == 0 and versions.listed(office) == []


def test_the_tab_of_line_five_is_named(office: Settings) -> None:
    published(office)
    path = office.root / FAQ
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([*lines[:4], "\t" + lines[4], *lines[5:]]) + "\n", "utf-8")
    choice = content_choice.choose(office)
    problem = content_choice.draft_problem(office)
    assert problem.startswith(f"{FAQ}:5: ")
    content_choice.note(office, choice, problem)
    status = json.loads(office.state_dir.content_status.read_text("utf-8"))
    assert status["in_use"] == 1 and status["problems"] == [problem]


# another version of the program


def edited(office: Settings, place: str, change: Callable[[str], str]) -> Settings:
    """A version that another program has published: its file differs, and its manifest agrees with the file."""
    path = office.root / place
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    return content_choice.of_number(office, published(office))


def without(*keys: str) -> Callable[[str], str]:
    return lambda text: "".join(
        line
        for line in text.splitlines(keepends=True)
        if not line.startswith(tuple(f"{key}:" for key in keys))
    )


def test_phrases_that_came_later_are_the_programs_own(office: Settings) -> None:
    own = content_choice.usable(dataclasses.replace(office, root=defaults.ROOT))
    content = content_choice.usable(edited(office, PHRASES, without("by_keys", "topic_line", "person_line")))
    for phrase in (Phrase.BY_KEYS, Phrase.TOPIC_LINE, Phrase.PERSON_LINE):
        fields = {name: "1" for name in phrase.fields}
        assert content.phrases.text("de", phrase, **fields) == own.phrases.text("de", phrase, **fields)


def test_what_a_later_program_has_written_is_left_out(office: Settings) -> None:
    later = edited(office, PHRASES, lambda text: text + 'sung: "La la la"\n')
    assert content_choice.usable(later).phrases.text("de", Phrase.WELCOME)
    later = edited(office, "dialplans/callflow.yml", lambda text: text + "video:\n  codec: h264\n")
    assert content_choice.usable(later).callflow.languages


def test_a_field_that_came_later_is_in_the_programs_own_sentence(office: Settings) -> None:
    old = edited(office, PHRASES, lambda text: text.replace("{key}", "1"))
    assert "7" in content_choice.usable(old).phrases.text("de", Phrase.MENU_LINE, key="7")


@pytest.mark.parametrize("key", ["hours", "languages", "gate", "limits", "advisers", "voicemail"])
def test_a_section_that_came_later_is_the_programs_own(office: Settings, key: str) -> None:
    def cut(text: str) -> str:
        before, _, rest = text.partition(f"\n{key}:")
        tail = rest.split("\n")
        end = next((number for number, line in enumerate(tail) if number and line[:1].isalpha()), len(tail))
        return "\n".join([before, *tail[end:]])

    assert content_choice.usable(edited(office, "dialplans/callflow.yml", cut)).callflow.languages


def test_a_kind_of_file_that_came_later_is_the_programs_own(office: Settings) -> None:
    (office.root / "nlu/urgency.yml").unlink()
    assert content_choice.usable(content_choice.of_number(office, published(office)))


@pytest.mark.parametrize("fact", [{}, {"templates": "0123456789abcdef"}])
def test_templates_of_another_program_are_not_used(office: Settings, fact: dict[str, str]) -> None:
    path = office.root / "dialplans/asterisk/extensions.conf"
    path.write_text("; of another version\n" + path.read_text("utf-8"), "utf-8")
    number, draft = versions.snapshot(office)
    versions.keep(office, number, draft, "", fact)
    settings = content_choice.of_number(office, number)
    callflow = content_choice.usable(settings).callflow
    assert pbx_parameters(settings, callflow).templates == defaults.ROOT / "dialplans"
    settings = content_choice.of_number(office, published(office))
    assert pbx_parameters(settings, callflow).templates == settings.root / "dialplans"


@pytest.mark.parametrize(
    "place",
    [
        "nlu/faq/louvre.yml~",
        "nlu/faq/orly.yaml",
        "nlu/faq/new/orly.yml",
        "voices/phrases/pt.yml",
        "nlu/readme",
    ],
)
def test_a_file_that_nobody_reads_is_reported(office: Settings, place: str) -> None:
    (office.root / place).parent.mkdir(exist_ok=True)
    (office.root / place).write_text("topic: orly\n", "utf-8")
    found = [finding for finding in check.run(office.root, check.today(office)) if finding.file == place]
    assert ["nobody reads this file" in finding.message for finding in found] == [True]
    assert content_choice.draft_problem(office) == ""


def test_the_programs_own_content_is_that_of_the_checkout() -> None:
    """After a change to one of these files: ``make defaults``."""
    names = list(defaults.sources(ROOT))
    assert names == list(defaults.sources(defaults.ROOT))
    assert [name for name in names if (ROOT / name).read_bytes() != (defaults.ROOT / name).read_bytes()] == []


def test_no_content_at_all_is_one_line(office: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(office.root / "voices")
    monkeypatch.setattr(defaults, "ROOT", office.root / "nowhere")
    with pytest.raises(ConfigError, match="install the program again"):
        content_choice.choose(office)
