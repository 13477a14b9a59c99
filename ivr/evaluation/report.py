"""The evaluation as one HTML page: scores, trade-off curve, confusion matrix, every miss.  Pure text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape

from ivr.evaluation.scores import JudgedQuestion, Scores, acted, confusion
from ivr.nlu.gate import OUT_OF_SCOPE
from ivr.reporting.html import document

WIDTH, HEIGHT, EDGE = 640, 320, 40  # of the curve, in pixels

STYLE = """
.matrix{font-size:11px}.matrix td,.matrix th{padding:1px 3px}.matrix td[style]{color:#222}
.matrix th.col{writing-mode:vertical-rl;transform:rotate(180deg);border:0;text-align:left}
.misses td{text-align:left}
"""

LINES: tuple[tuple[str, str, Callable[[Scores], float]], ...] = (
    ("right at once, in scope", "#0a7", lambda row: row.at_once),
    ("right, asked back or not", "#07c", lambda row: row.right),
    ("out of scope not answered", "#a60", lambda row: row.not_answered),
    ("wrong answers (x 10)", "#c03", lambda row: min(1.0, 10 * row.wrong)),
)


def page(
    rows: Sequence[Scores],
    swept: Sequence[tuple[float, Scores]],
    judged: Sequence[JudgedQuestion],
    timing: Mapping[str, float],
) -> str:
    """The whole page."""
    return document(
        "How well questions are understood",
        f"{_scores(rows)}<p>Understanding took {timing['p50_ms']} ms (median), {timing['p95_ms']} ms (95 %).</p>"
        f"<h2>Over all thresholds</h2>{_curve(swept)}"
        f"<h2>Confusion</h2><p>Rows: what was asked. Columns: what was acted on or asked back. Only intents"
        f" with a miss.</p><div class=scroll>{_matrix(judged)}</div>"
        f"<h2>Misses</h2><div class=scroll>{_misses(judged)}</div>",
        STYLE,
    )


def _scores(rows: Sequence[Scores]) -> str:
    head = "language|questions|right|at once|best guess|oos declined|oos not answered|wrong answers"
    cells = "".join(f"<th>{name}" for name in head.split("|"))
    body = "".join(
        f"<tr><td>{row.lang}<td>{row.questions}<td>{row.right:.1%}<td>{row.at_once:.1%}<td>{row.first:.1%}"
        f"<td>{row.declined:.1%}<td>{row.not_answered:.1%}<td>{row.wrong:.1%}"
        for row in rows
    )
    return f"<table><tr>{cells}{body}</table>"


def _curve(swept: Sequence[tuple[float, Scores]]) -> str:
    def at(step: float, value: float) -> str:
        return f"{EDGE + step * (WIDTH - 2 * EDGE):.0f},{HEIGHT - EDGE - value * (HEIGHT - 2 * EDGE):.0f}"

    parts = []
    for number, (name, colour, value) in enumerate(LINES):
        points = " ".join(at(step, value(row)) for step, row in swept)
        parts.append(f'<polyline fill=none stroke="{colour}" stroke-width=2 points="{points}"/>')
        parts.append(f'<text x="{WIDTH}" y="{EDGE + 20 * number}" style="fill:{colour}">{name}</text>')
    for tenth in range(0, 11, 2):
        x, y = at(tenth / 10, 0).split(",")
        parts.append(f'<text x="{x}" y="{HEIGHT - 15}" text-anchor=middle>{tenth / 10}</text>')
        y = at(0, tenth / 10).split(",")[1]
        parts.append(f'<text x="{EDGE - 6}" y="{y}" text-anchor=end>{tenth * 10} %</text>')
        parts.append(f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{y}" y2="{y}" class="grid"/>')
    view = f'viewBox="0 0 {WIDTH + 220} {HEIGHT}" width="{WIDTH + 220}" role=img'
    drawn = f'<svg {view} aria-label="Shares over the answer threshold">{"".join(parts)}</svg>'
    return f"{drawn}<p>Answer threshold.</p>"


def _matrix(judged: Sequence[JudgedQuestion]) -> str:
    counts = confusion(judged)
    missed = [pair for pair in counts if pair[0] != pair[1]]
    names = sorted({name for pair in missed for name in pair}, key=lambda name: (name == OUT_OF_SCOPE, name))
    head = "".join(f"<th class=col>{name}" for name in names)
    body = ""
    for row in names:
        body += f"<tr><td>{row}"
        for column in names:
            count = counts.get((row, column), 0)
            shade = "dfd" if row == column else "fbb"
            body += f'<td style="background:#{shade}">{count}' if count else "<td>"
    return f"<table class=matrix><tr><th>{head}{body}</table>"


def _misses(judged: Sequence[JudgedQuestion]) -> str:
    body = ""
    for one in sorted(judged, key=lambda one: (not one.wrong, one.question.lang)):
        if one.in_scope and one.hit or not one.in_scope and acted(one.verdict) == OUT_OF_SCOPE:
            continue
        mark = " class=wrong" if one.wrong else ""
        body += (
            f"<tr><td>{one.question.lang}<td>{escape(one.question.text)}<td>{one.question.intent}"
            f"<td{mark}>{one.verdict.decision.value}<td>{one.intent.name}<td>{one.intent.confidence:.2f}"
        )
    head = "<tr><th>language<th>question<th>right<th>decision<th>understood<th>certainty"
    return f"<table class=misses>{head}{body}</table>"
