"""Inserts one line into a file that people edit; all other bytes stay the same.  Pure."""

from __future__ import annotations

import json

import yaml

from ivr.content.heldout import HEADER
from ivr.core.errors import UsageError


def with_example(content: str, intent: str, lang: str, example: str) -> str | None:
    """Return ``content`` of a topic file with one more example, or None when the intent is not in it.

    Raises UsageError when its examples are not a list with a dash before each.
    """
    examples = _at(yaml.compose(content, Loader=yaml.CSafeLoader), "intents", intent, "examples", lang)
    if examples is None:
        return None
    if not isinstance(examples, yaml.SequenceNode) or examples.flow_style or not examples.value:
        raise UsageError(f"{intent}: examples in {lang} are no list with a dash before each: add it by hand")
    last = examples.value[-1]
    lines = content.splitlines(keepends=True)
    place = _end_line(last)
    if not lines[place - 1].endswith("\n"):
        lines[place - 1] += "\n"
    indent = " " * examples.start_mark.column
    lines.insert(place, f"{indent}- {scalar(example)}\n")
    return "".join(lines)


def with_question(content: str, text: str, intent: str) -> str:
    """Return ``content`` of a file of held-out questions with one more at its end."""
    content = content or HEADER
    return content.rstrip("\n") + f"\n{text}\t{intent}\n"


def scalar(text: str) -> str:
    """Return ``text`` as a YAML item: plain if YAML reads it unchanged, else in double quotes."""
    try:
        plain = yaml.safe_load(f"- {text}") == [text] and text == text.strip() and "#" not in text
    except yaml.YAMLError:
        plain = False
    return text if plain else json.dumps(text, ensure_ascii=False)


def _at(node: yaml.Node | None, *keys: str) -> yaml.Node | None:
    for key in keys:
        if not isinstance(node, yaml.MappingNode):
            return None
        node = next((value for name, value in node.value if name.value == key), None)
    return node


def _end_line(node: yaml.Node) -> int:
    """Return the number of a scalar's last line, from 1; its end mark may be on the line after."""
    mark = node.end_mark
    return int(mark.line) if mark.column == 0 else int(mark.line) + 1
