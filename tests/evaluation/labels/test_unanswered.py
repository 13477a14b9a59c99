"""Questions without an answer: which turns they are, their groups and their trends."""

from __future__ import annotations

import csv
import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from ivr.core import events
from ivr.core.settings import Settings
from ivr.evaluation.labels import unanswered
from ivr.evaluation.labels.clustering import grouped
from ivr.evaluation.labels.embeddings import vectors
from tests.evaluation.labels.conftest import Tell, asked

pytestmark = pytest.mark.slow

END = events.CallFinished("abandoned", "caller", 20.0)
THEMES = Path(__file__).with_name("themes.tsv")


def test_the_held_out_questions_fall_into_their_themes_whatever_the_language() -> None:
    """Nine of ten grouped pairs belong together, and two of three pairs that belong together are grouped."""
    with THEMES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    groups = grouped(vectors([row["text"] for row in rows]))
    together = [
        (rows[a]["theme"], rows[b]["theme"]) for members in groups for a, b in combinations(members, 2)
    ]
    right = sum(one == other for one, other in together)
    wanted = sum(count * (count - 1) // 2 for count in Counter(row["theme"] for row in rows).values())
    assert right / len(together) > 0.9 and right / wanted > 0.66


def test_no_questions_and_one_question() -> None:
    assert unanswered.groups([], 0.0, 1.0) == []
    assert grouped(vectors(["où est la poste"])) == [[0]]
    assert grouped(vectors(["où est la poste", "où est la poste"])) == [[0, 1]]


@pytest.mark.parametrize(
    ("week", "count", "weeks", "word"),
    [
        (3, 3, 3.0, "new"), (2, 5, 3.0, "steady"), (8, 12, 3.0, "up"), (0, 9, 3.0, "steady"), (0, 20, 3.0, "down"),
        (5, 9, 0.0, ""),
    ],
)  # fmt: skip
def test_a_trend_is_more_than_chance(week: int, count: int, weeks: float, word: str) -> None:
    assert unanswered.trend(week, count, weeks) == word


def test_questions_are_grouped_counted_and_can_be_listened_to(
    settings: Settings, tell: Tell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    declined = ("oos", "reprompt")
    tell("t-1", *asked("où est-ce que je peux louer une voiture", *declined), END)
    tell("t-2", *asked("i want to rent a car for a week", "taxi.order", "reprompt", "en"), END, days=10)
    tell(
        "t-3",
        *asked("wo kann man ein auto mieten", *declined, "de"),
        *asked("nein", "no", "control", "de"),
        END,
    )
    tell(
        "t-4",
        *asked("can my dog go on the metro", "navigo.price", "confirm", "en"),
        *asked("no", "no", "control"),
        END,
    )
    tell("t-5", *asked("le prix de la tour eiffel"), *asked("passez-moi quelqu'un", "human", "handoff"), END)
    tell("t-6", *asked("euh", *declined), *asked("où donc", *declined)[:1], END)  # noise; no understanding
    page = tmp_path / "unanswered.html"
    unanswered.show(settings, "30d", 1, page, as_json=True)
    cars, dog = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (cars["count"], cars["calls"], cars["langs"]) == (3, 3, {"fr": 1, "en": 1, "de": 1})
    assert (cars["week"], cars["before"], cars["trend"]) == (2, 0.3, "steady"), "one in the 23 days before"
    assert cars["near"] == "louvre.price" and {one["call_id"] for one in cars["examples"]} == {
        "t-1",
        "t-2",
        "t-3",
    }
    assert (dog["text"], dog["examples"][0]["why"], dog["examples"][0]["start_s"]) == (
        "can my dog go on the metro", "denied", 2.0,
    )  # fmt: skip
    assert "louer une voiture" in page.read_text("utf-8")
    unanswered.show(settings, "30d", 2, None, as_json=False)
    assert "1 groups too small" in capsys.readouterr().out
