"""Bar charts as SVG inside a page.  Pure.

Colours are those of Okabe and Ito, told apart by those who do not see red and green; each bar says its value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from ivr.reporting.html import quoted

BLUE, ORANGE, GREEN, GREY, RED = "#0072b2", "#e69f00", "#009e73", "#999999", "#d55e00"
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 230, 46, 24, 18
BAR = 0.72
"""Part of its place that a bar fills."""


@dataclass(frozen=True)
class Series:
    """One colour of a chart, with a value for each group."""

    name: str
    colour: str
    values: Sequence[float]


def bars(
    title: str, groups: Sequence[str], series: Sequence[Series], *,
    show: Callable[[float], str] = "{:g}".format, top: float = 0.0, mark: float | None = None,
) -> str:  # fmt: skip
    """Stacked bars, one for each group.

    ``top``: upper end of the scale, if it is not to be a round number; ``mark``: a line across at this value.
    """
    if not groups:
        return "<p class=soft>Nothing to show.</p>"
    totals = [sum(values) for values in zip(*(one.values for one in series), strict=True)]
    scale = top or 4 * _step(max(totals) / 4)
    height = HEIGHT - TOP - BOTTOM
    parts = [_grid(scale, height, show)]
    step = (WIDTH - LEFT) / len(groups)
    for number, group in enumerate(groups):
        x, y = LEFT + number * step + step * (1 - BAR) / 2, float(TOP + height)
        for one in series:
            tall = one.values[number] / scale * height
            y -= tall
            hint = f"<title>{escape(f'{group}: {one.name} {show(one.values[number])}')}</title>"
            size = f'x="{x:.1f}" y="{y:.1f}" width="{step * BAR:.1f}" height="{tall:.1f}"'
            parts.append(f'<rect {size} fill="{one.colour}">{hint}</rect>' if tall else "")
        middle = x + step * BAR / 2
        if totals[number]:
            parts.append(_text(middle, y - 4, show(totals[number])))
        parts.append(_text(middle, TOP + height + 16, group))
    if mark is not None:
        y = TOP + height - mark / scale * height
        line = f'x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"'
        parts.append(f'<line {line} stroke="{RED}" stroke-width="1.5" stroke-dasharray="6 4"/>')
    said = ", ".join(f"{group} {show(total)}" for group, total in zip(groups, totals, strict=True))
    view = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return (
        f"<figure><svg {view} role=img aria-label={quoted(f'{title}: {said}')}>{''.join(parts)}</svg>"
        f"<figcaption>{escape(title)}{_legend(series)}</figcaption></figure>"
    )


def _step(least: float) -> float:
    """The next round number: 1, 2 or 5 with zeros."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0.25 else 1.0
    return next(power * one for one in (1, 2, 5, 10) if power * one >= least * (1 - 1e-9))


def _grid(scale: float, height: int, show: Callable[[float], str]) -> str:
    parts = []
    for quarter in range(5):
        y = TOP + height - quarter / 4 * height
        parts.append(f'<line class=grid x1="{LEFT}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(_text(LEFT - 5, y + 4, show(round(scale * quarter / 4, 2)), "end"))
    return "".join(parts)


def _text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _legend(series: Sequence[Series]) -> str:
    if len(series) < 2:
        return ""
    return "".join(
        f'<span class=legend><span class=key style="background:{one.colour}"></span>{escape(one.name)}</span> '
        for one in series
    )
