"""The evaluation of understanding as one HTML page: fills ``templates/nlu.html``.  Pure.

The page shows the scores, the trade-off over all thresholds, the confusion matrix and every miss.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ivr.content.intents import OUT_OF_SCOPE
from ivr.evaluation.scores import JudgedQuestion, Scores, acted, confusion
from ivr.reporting.html import render

WIDTH, HEIGHT, EDGE = 640, 320, 40
"""Plot area of the curve and its margin, in pixels."""
LEGEND_WIDTH = 220
"""Room for the names of the lines, right of the plot, in pixels."""

LINES: tuple[tuple[str, str, Callable[[Scores], float]], ...] = (
    ("right at once, in scope", "#0a7", lambda row: row.at_once),
    ("right, asked back or not", "#07c", lambda row: row.right),
    ("out of scope not answered", "#a60", lambda row: row.not_answered),
    ("wrong answers (x 10)", "#c03", lambda row: min(1.0, 10 * row.wrong)),
)
"""Name, colour and value (0 to 1) of each line of the curve."""


def page(
    rows: Sequence[Scores],
    swept: Sequence[tuple[float, Scores]],
    judged: Sequence[JudgedQuestion],
    timing: Mapping[str, float],
) -> str:
    """Return the page.

    rows: scores of all questions, then of each language; swept: (answer threshold, scores at it), ascending.
    judged: the questions; timing: ``p50_ms`` and ``p95_ms`` of understanding one question.
    """
    counts = confusion(judged)
    return render(
        "nlu.html",
        title="How well questions are understood",
        scores=rows,
        timing=timing,
        curve=_curve(swept),
        confused=_confused(counts),
        counts=counts,
        misses=_misses(judged),
    )


def _curve(swept: Sequence[tuple[float, Scores]]) -> dict[str, Any]:
    """Points and ticks of the trade-off curve, in pixels."""
    lines = [
        {
            "name": name, "colour": colour, "x": WIDTH, "y": EDGE + 20 * number,
            "points": " ".join(f"{_x(step):.0f},{_y(value(row)):.0f}" for step, row in swept),
        }
        for number, (name, colour, value) in enumerate(LINES)
    ]  # fmt: skip
    shares = [tenth / 10 for tenth in range(0, 11, 2)]
    ticks = [{"share": share, "x": f"{_x(share):.0f}", "y": f"{_y(share):.0f}"} for share in shares]
    size = {"width": WIDTH + LEGEND_WIDTH, "height": HEIGHT, "edge": EDGE, "right": WIDTH - EDGE}
    return {**size, "lines": lines, "ticks": ticks}


def _x(threshold: float) -> float:
    return EDGE + threshold * (WIDTH - 2 * EDGE)


def _y(share: float) -> float:
    return HEIGHT - EDGE - share * (HEIGHT - 2 * EDGE)


def _confused(counts: Counter[tuple[str, str]]) -> list[str]:
    """Intents that take part in a confusion, in the order of the alphabet, out of scope last."""
    names = {name for asked, answered in counts if asked != answered for name in (asked, answered)}
    return sorted(names, key=lambda name: (name == OUT_OF_SCOPE, name))


def _misses(judged: Sequence[JudgedQuestion]) -> list[JudgedQuestion]:
    """Questions that were not decided right, wrong answers first."""
    missed = (one for one in judged if not (one.hit if one.in_scope else acted(one.verdict) == OUT_OF_SCOPE))
    return sorted(missed, key=lambda one: (not one.wrong, one.question.lang))
