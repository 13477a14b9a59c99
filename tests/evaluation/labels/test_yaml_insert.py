"""Lines inserted into files that people edit change nothing else in them."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ivr.core.errors import UsageError
from ivr.evaluation.labels.yaml_insert import scalar, with_example, with_question
from tests.conftest import ROOT

TOPIC = """\
# what is asked at the desk
topic: t
intents:
  t.one:
    examples:
      fr:
        - un   # as they say
        - "deux : trois"
      # English later

      en: [one, two]
  t.two:
    examples:
      fr:
      - "quatre
        cinq"
"""


def test_one_line_more_and_nothing_else() -> None:
    changed = with_example(TOPIC, "t.one", "fr", "il fait beau")
    assert changed is not None
    before, after = TOPIC.splitlines(), changed.splitlines()
    assert after == [*before[:8], "        - il fait beau", *before[8:]]


def test_an_item_of_two_lines_at_the_files_end_and_its_own_indent() -> None:
    changed = with_example(TOPIC.rstrip("\n"), "t.two", "fr", "c'est fini")
    assert changed == TOPIC + "      - c'est fini\n"


def test_what_is_not_here_or_no_list() -> None:
    assert with_example(TOPIC, "t.three", "fr", "x") is None
    assert with_example(TOPIC, "t.one", "de", "x") is None
    with pytest.raises(UsageError, match="no list with a dash"):
        with_example(TOPIC, "t.one", "en", "x")


@pytest.mark.parametrize("path", sorted((ROOT / "nlu/faq").glob("*.yml")), ids=lambda path: path.stem)
def test_every_list_of_examples_takes_one(path: object) -> None:
    content = path.read_text("utf-8")  # type: ignore[attr-defined]
    name, entry = next(iter(yaml.load(content, Loader=yaml.CSafeLoader)["intents"].items()))
    for lang in entry["examples"]:
        changed = with_example(content, name, lang, "une phrase de plus")
        assert changed is not None
        added = yaml.load(changed, Loader=yaml.CSafeLoader)["intents"][name]["examples"][lang]
        assert added == [*entry["examples"][lang], "une phrase de plus"]
        assert len(changed.splitlines()) == len(content.splitlines()) + 1


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1))
def test_any_words_come_back_as_they_were(text: str) -> None:
    assert yaml.safe_load(f"a:\n  - {scalar(text)}\n") == {"a": [text]}


def test_a_question_goes_to_the_end() -> None:
    assert with_question("text\tintent\na b\tx\n", "c d", "y") == "text\tintent\na b\tx\nc d\ty\n"
    assert with_question("", "c d", "y") == "text\tintent\nc d\ty\n"
