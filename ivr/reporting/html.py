"""HTML pages that commands write, rendered from the Jinja2 templates in ``templates/``.

A page is one file without scripts that fetches nothing.  It can be read on a telephone (wide tables scroll, charts
shrink), in dark mode and on paper.  For a screen reader, each chart is an image whose label holds the numbers.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ivr.reporting.report_text import percent, seconds

TEMPLATES = Path(__file__).with_name("templates")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters.update(percent=percent, seconds=seconds)
    return environment


_ENVIRONMENT = _environment()


def render(template: str, **values: object) -> str:
    """Return a whole page.

    template: name of a file in ``templates/`` that extends ``base.html``.
    values: what the template names, ``title`` included; text is escaped.  Raises jinja2.UndefinedError for a name
    that has no value.
    """
    return _ENVIRONMENT.get_template(template).render(values)


def write(path: Path, page: str) -> None:
    """Write a page to ``path`` in UTF-8; missing parent folders are created."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
