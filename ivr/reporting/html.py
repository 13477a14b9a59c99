"""The look of every HTML page that a command writes: one file, no script, nothing fetched.  Pure.

Readable on a telephone (tables scroll in themselves, charts shrink), in the dark, on paper, and by a screen reader
(each chart is an image with a title, and its numbers stand in a table beside it).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root{color-scheme:light dark;--ink:#222;--paper:#fff;--soft:#666;--line:#bbb;--wash:#f3f5f6}
@media(prefers-color-scheme:dark){:root{--ink:#e6e6e6;--paper:#181a1b;--soft:#aaa;--line:#555;--wash:#24282a}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;color:var(--ink);background:var(--paper);
padding:0 1rem}h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin-top:2rem}p,figcaption{max-width:46rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.2rem .6rem;text-align:right;
vertical-align:top}th{border-bottom:1px solid var(--line)}tbody th{font-weight:normal;border:0}
td:first-child,th:first-child,.left{text-align:left}caption{text-align:left;color:var(--soft);padding:.3rem .6rem}
tbody tr:nth-child(even){background:var(--wash)}.scroll{overflow-x:auto}.soft{color:var(--soft)}
.wrong{color:#b00;font-weight:bold}dl.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));
gap:.8rem;margin:1rem 0}dl.tiles div{background:var(--wash);border-radius:.4rem;padding:.6rem .8rem}
dl.tiles dt{color:var(--soft);font-size:.9rem}dl.tiles dd{margin:0;font-size:1.6rem}
dl.tiles dd small{display:block;font-size:.8rem;color:var(--soft)}
figure{margin:1rem 0}svg{max-width:100%;height:auto}svg text{font-size:12px;fill:var(--ink)}
svg .grid{stroke:var(--line);stroke-width:.5}.key{
display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em;print-color-adjust:exact}
.legend{white-space:nowrap}tbody td{white-space:nowrap}
tbody td.left{white-space:normal}
@media print{body{margin:0;max-width:none;font-size:11px}h2,figure,tr,dl.tiles div{break-inside:avoid}
h2{break-after:avoid}.scroll{overflow:visible}}
@media(max-width:34rem){body{margin:1rem auto}td,th{padding:.2rem .35rem}}
"""


def document(title: str, body: str, style: str = "") -> str:
    """A whole page; ``body`` is HTML, ``style`` what this page needs beside the common look."""
    return (
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{style}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>\n"
    )


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int] = (0,)
) -> str:
    """A table; cells are text.  The first column heads its row; columns of ``left`` are aligned to the left."""

    def cells(row: Sequence[str]) -> str:
        first, *others = row
        marks = (
            f"<td{' class=left' if n in left else ''}>{escape(cell)}</td>" for n, cell in enumerate(others, 1)
        )
        return f"<tr><th scope=row>{escape(first)}</th>{''.join(marks)}</tr>"

    top = "".join(
        f"<th scope=col{' class=left' if n in left else ''}>{escape(name)}</th>"
        for n, name in enumerate(head)
    )
    body = "".join(cells(row) for row in rows)
    return (
        f"<div class=scroll tabindex=0 role=region aria-label={quoted(caption)}><table>"
        f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def tiles(figures: Iterable[tuple[str, str, str]]) -> str:
    """The figures that matter first: (name, value, what it means)."""
    body = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(meaning)}</small></dd></div>"
        for name, value, meaning in figures
    )
    return f"<dl class=tiles>{body}</dl>"


def quoted(text: str) -> str:
    """Text as an attribute's value."""
    return f'"{escape(text, quote=True)}"'
