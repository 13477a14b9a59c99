"""Geometry of bar charts; the macro ``bar_chart`` in ``templates/macros.html`` draws them as SVG.  Pure.

Colours are from the palette of Okabe and Ito (https://jfly.uni-koeln.de/color/), which colour-blind readers can tell
apart.  Each bar says its value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

BLUE, ORANGE, GREEN, GREY, RED = "#0072b2", "#e69f00", "#009e73", "#999999", "#d55e00"
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 230, 46, 24, 18
"""Size of a chart, and the margins around the bars, in pixels."""
BASE: Final = HEIGHT - BOTTOM
"""y of the zero line."""
FILLED = 0.72
"""Share of its slot that a bar fills."""


@dataclass(frozen=True)
class Series:
    """One colour of a chart, with a value for each group."""

    name: str
    colour: str
    values: Sequence[float]


@dataclass(frozen=True)
class Bar:
    """One rectangle.  ``x``, ``y``, ``width``, ``height``: in pixels; ``hint``: what the pointer shows."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    hint: str


@dataclass(frozen=True)
class AxisLabel:
    """A text in the chart.  ``x``, ``y``: in pixels; ``anchor``: which end of the text stands there (SVG)."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class BarChart:
    """What the template draws; a chart without groups has no labels.

    description: every group with its total, for screen readers.
    grid: y of the horizontal lines; mark: y of the dashed line, None for no line.
    """

    title: str
    description: str = ""
    bars: Sequence[Bar] = ()
    labels: Sequence[AxisLabel] = ()
    grid: Sequence[float] = ()
    mark: float | None = None
    legend: Sequence[Series] = ()
    width: int = field(default=WIDTH, init=False)
    height: int = field(default=HEIGHT, init=False)
    left: int = field(default=LEFT, init=False)
    mark_colour: str = field(default=RED, init=False)


def bars(
    title: str, groups: Sequence[str], series: Sequence[Series], *,
    show: Callable[[float], str] = "{:g}".format, top: float = 0.0, mark: float | None = None,
) -> BarChart:  # fmt: skip
    """Return a chart of stacked bars, one for each group.

    groups: names under the bars; series: from the bottom of each bar to its top, one value for each group.
    show: formats a value; top: upper end of the scale (0: the next round number above the highest bar).
    mark: value at which a dashed line crosses the chart.
    """
    if not groups:
        return BarChart(title)
    totals = [sum(values) for values in zip(*(one.values for one in series), strict=True)]
    scale = top or 4 * _round_up(max(totals) / 4)

    def y(value: float) -> float:
        return BASE - value / scale * (BASE - TOP)

    slot = (WIDTH - LEFT) / len(groups)
    middles = [LEFT + (number + 0.5) * slot for number in range(len(groups))]
    quarters = [scale * quarter / 4 for quarter in range(5)]
    labels = [AxisLabel(LEFT - 5, y(value) + 4, show(round(value, 2)), "end") for value in quarters]
    labels += [
        AxisLabel(x, y(total) - 4, show(total)) for x, total in zip(middles, totals, strict=True) if total
    ]
    labels += [AxisLabel(x, BASE + 16, group) for x, group in zip(middles, groups, strict=True)]
    return BarChart(
        title,
        ", ".join(f"{group} {show(total)}" for group, total in zip(groups, totals, strict=True)),
        [
            bar
            for number, group in enumerate(groups)
            for bar in _stacked(group, number, series, middles[number], slot * FILLED, show, y)
        ],
        labels,
        [y(value) for value in quarters],
        None if mark is None else y(mark),
        series if len(series) > 1 else (),
    )


def _stacked(
    group: str, number: int, series: Sequence[Series], middle: float, width: float,
    show: Callable[[float], str], y: Callable[[float], float],
) -> Iterator[Bar]:  # fmt: skip
    """The rectangles of the group ``number``; a value of 0 has none."""
    below = 0.0
    for one in series:
        value = one.values[number]
        if value:
            height = y(below) - y(below + value)
            hint = f"{group}: {one.name} {show(value)}"
            yield Bar(middle - width / 2, y(below + value), width, height, one.colour, hint)
        below += value


def _round_up(least: float) -> float:
    """The next round number: 1, 2 or 5 with zeros; 1 for up to 0.25."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0.25 else 1.0
    return next(power * one for one in (1, 2, 5, 10) if power * one >= least * (1 - 1e-9))
