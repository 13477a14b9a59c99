"""YAML files that people edit: read with line numbers and checked against a model.

The parser is libyaml, which reads the content in a tenth of a second; round-trip parsers take seconds.  Scalars
follow the core schema of YAML 1.2: ``no`` and ``yes`` are words, ``9:00`` is not 540, ``+34`` stays a text.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from ivr.core.errors import ConfigError
from ivr.core.yaml_mending import Loc as Loc
from ivr.core.yaml_mending import mended

LARGEST_BYTES = 16 * 1024 * 1024
"""More than any file that people edit."""
DEEPEST = 200
"""Most parts that stand in each other: more than any file that people edit."""
WIDTH = 200
"""Longest line that is written, in characters."""


class Severity(StrEnum):
    """Whether a finding forbids using the content."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, order=True)
class Finding:
    """A fault in a file: what is wrong (``message``) and what to write (``hint``); lines and columns count from 1."""

    file: str
    line: int
    column: int
    message: str
    hint: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        kind = "" if self.severity is Severity.ERROR else "warning: "
        return f"{self.file}:{self.line}: {kind}{self.message}: {self.hint}"


@dataclass(frozen=True)
class ModelProblem:
    """A fault that a model finds in itself; ``loc`` is the path of keys and indices in the file."""

    loc: Loc
    message: str
    hint: str
    severity: Severity = Severity.ERROR


class Strict(BaseModel):
    """Base of all models: unknown keys and wrong types are errors, and instances are frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def problems(self) -> Iterator[ModelProblem]:
        """Yield contradictions between fields, such as two languages on one key."""
        return iter(())


M = TypeVar("M", bound=Strict)


@dataclass
class Document(Generic[M]):
    """A file: its ``model`` (None if it has errors), its findings, and line and column of each part."""

    file: str
    model: M | None = None
    findings: list[Finding] = field(default_factory=list)
    places: dict[Loc, tuple[int, int]] = field(default_factory=dict)

    def checked(self, heading: str) -> M:
        """Return the model; raises ConfigError with all findings, headed by ``heading``, when there are errors."""
        raise_if_errors(self.findings, heading)
        assert self.model is not None
        return self.model

    def where(self, loc: Loc) -> tuple[int, int]:
        """Return line and column of a part, or of the nearest part around it that is in the file."""
        while loc not in self.places and loc:
            loc = loc[:-1]
        return self.places.get(loc, (1, 1))

    def finding(self, problem: ModelProblem) -> Finding:
        """Return the problem as a finding, with its place in the file."""
        line, column = self.where(problem.loc)
        return Finding(self.file, line, column, problem.message, problem.hint, problem.severity)

    def add(self, loc: Loc, message: str, hint: str, severity: Severity = Severity.ERROR) -> None:
        """Add a finding at ``loc``."""
        self.findings.append(self.finding(ModelProblem(loc, message, hint, severity)))


def load(path: Path, model: type[M], root: Path, spare: Path | None = None) -> Document[M]:
    """Read a file; faults in its content become findings, and so does a missing file.

    path: the file.
    model: what it must hold.
    root: findings name the file relative to it.
    spare: a file without faults, for a file of another version of the program: what is missing or wrong is taken
    from there, unknown keys are left out, and each is a warning.
    """
    name = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
    document: Document[M] = Document(name)
    data = _data(path, document)
    if document.findings:
        return document
    if spare is not None:
        _mend(document, data, model, spare)
    try:
        document.model = model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            document.findings.append(document.finding(_problem(detail, model)))
    else:
        document.findings.extend(document.finding(problem) for problem in document.model.problems())
    return document


def dump(data: object) -> str:
    """Return ``data`` (dicts, lists and scalars) as YAML that ``load`` reads back; keys keep their order."""
    return str(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=WIDTH))


def raise_if_errors(findings: Sequence[Finding], heading: str) -> None:
    """Raise ConfigError with the errors among ``findings``, if any; ``heading`` begins its message."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        raise ConfigError(f"{heading}: {len(errors)} errors, the first is {errors[0]}", errors)


def _mend(document: Document[M], data: Any, model: type[M], spare: Path) -> None:
    other: Document[M] = Document(str(spare))
    for loc, done in mended(data, model, _data(spare, other) if spare.is_file() else None):
        hint = "this version of the program was delivered with other keys; publish again"
        document.add(loc, f"'{_named(loc)}' {done}", hint, Severity.WARNING)


def _data(path: Path, document: Document[M]) -> Any:
    """The content as dicts, lists and scalars; faults of syntax become findings."""
    text = text_of(path, document.file)
    if isinstance(text, Finding):
        document.findings.append(text)
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        if _too_deep(text, loader):
            raise RecursionError
        node = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        document.findings.append(_syntax(document.file, text, error))
        return None
    except RecursionError:
        document.add((), "a part stands a thousand deep", "write it out, without [ and {")
        return None
    if node is None:
        document.add((), "the file is empty", "write its keys, or delete the file")
        return None
    try:
        return _plain(node, (), document)
    except RecursionError:
        document.add((), "a part stands within itself, or a thousand deep", "write it out, without & and *")
        return None


def text_of(path: Path, name: str) -> str | Finding:
    """Return the text of a file that people edit, or why it cannot be read.

    name: names the file in the finding.
    """
    put_back = "put it back, for example from the last commit"
    try:
        if not path.exists():
            gone = "a link that leads nowhere" if path.is_symlink() else "the file is missing"
            return Finding(name, 1, 1, gone, put_back)
        if not path.is_file():  # to open a FIFO would wait for ever
            return Finding(name, 1, 1, "no file, but a folder or a device", put_back)
        if path.stat().st_size > LARGEST_BYTES:
            return Finding(name, 1, 1, f"larger than {LARGEST_BYTES // 1024 // 1024} MB", put_back)
        content = path.read_bytes()
    except OSError as error:
        return Finding(name, 1, 1, f"cannot be read: {error.strerror}", "make it readable for the service")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Finding(name, line, 1, "not UTF-8 text", "save the file as UTF-8")
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        hint = "save the file as UTF-8; after a loss of power, put it back"
        return Finding(name, line, 1, "a zero byte", hint)
    return text


def _too_deep(text: str, loader: Any) -> bool:
    """Whether parts stand in each other so deep that libyaml would overflow the stack and end the process.

    The events of the parser come one by one.  They are counted only for a text that can be so deep at all.
    """
    longest = max(len(line) - len(line.lstrip(" -?")) for line in text.splitlines() or [""])
    if max(text.count("[") + text.count("{"), longest) < DEEPEST:
        return False
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return True
    return False


def _syntax(file: str, text: str, error: yaml.YAMLError) -> Finding:
    mark = getattr(error, "problem_mark", None)
    before = text[: getattr(error, "position", 0) or 0]  # of a character that YAML forbids
    line, column = (mark.line + 1, mark.column + 1) if mark else (before.count("\n") + 1, 1)
    message = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    lines = text.splitlines()
    around = " ".join(lines[max(0, line - 2) : line])
    if "\t" in around:
        hint = "indent with spaces, never with a tab"
    elif re.search(r":\s\S.*:\s", around):
        hint = 'put the text in double quotes, for example fr: "Attention : fermé"'
    elif "alias" in message:
        hint = 'put a text that begins with * or & in double quotes, for example "*"'
    else:
        hint = "check quotes, colons and the indentation of this line and the one before"
    return Finding(file, line, column, f"YAML: {message}", hint)


def _plain(node: yaml.Node, loc: Loc, document: Document[M]) -> Any:
    document.places.setdefault(loc, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, loc, document)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*loc, index), document) for index, item in enumerate(node.value)]
    quoted = isinstance(node, yaml.ScalarNode) and node.style in ("'", '"', "|", ">")
    return str(node.value) if quoted else _scalar(str(node.value))


def _mapping(node: yaml.MappingNode, loc: Loc, document: Document[M]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if key in result:
            first = document.places[(*loc, key)][0]
            hint = f"keep one of the two (the other is in line {first})"
            document.findings.append(Finding(document.file, *place, f"'{key}' is written twice", hint))
            continue
        document.places[(*loc, key)] = place
        result[key] = _plain(value_node, (*loc, key), document)
    return result


def _scalar(text: str) -> Any:
    """The value of a plain scalar in the core schema of YAML 1.2; ISO dates are dates."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?(0|[1-9]\d*)", text):
        return int(text)
    if re.fullmatch(r"-?\d+\.\d+", text):
        return float(text)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            return text
    return text


_WANTED = {
    "string_type": "write a text; in double quotes when it is a number, yes, no or begins with a sign",
    "int_type": "write a whole number, without quotes",
    "int_from_float": "write a whole number, without quotes",
    "float_type": "write a number such as 0.6, without quotes",
    "bool_type": "write true or false",
    "date_type": "write a date as year-month-day, for example 2027-01-31, without quotes",
    "list_type": "write a list: one line per item, each beginning with '- '",
    "dict_type": "write keys and values below it, indented by two spaces",
    "model_type": "write keys and values below it, indented by two spaces",
}


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> ModelProblem:
    """An error of pydantic in the words of this project."""
    loc = tuple(part for part in detail["loc"] if part != "[key]")
    kind, context = detail["type"], detail.get("ctx", {})
    name = _named(loc)
    if kind == "accueil":
        return ModelProblem(loc, str(context["message"]), str(context["hint"]))
    if kind == "extra_forbidden":
        return ModelProblem(loc, f"unknown key '{name}'", _nearest(name, known_keys(model, loc[:-1])))
    if kind == "missing":
        return ModelProblem(loc[:-1], f"'{name}' is missing", f"add a line '{name}: ...' here")
    if kind in _WANTED:
        return ModelProblem(loc, f"'{name}' is {_spoken(detail['input'])}", _WANTED[kind])
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    shown = f"'{name}' is {_spoken(detail['input'])}" if loc else "the file does not fit"
    if "[key]" in detail["loc"]:
        shown = f"unknown key '{name}'"
    return ModelProblem(
        loc, shown, message.replace("input should be", "write").replace("value should", "it should")
    )


def _named(loc: Loc) -> str:
    """The last key of a path; an item of a list has the name of the list."""
    keys = [part for part in loc if isinstance(part, str)]
    return keys[-1] if keys else "the file"


def _spoken(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a block of keys"
    return f"{str(value)[:40]!r}"


def _nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    listed = ", ".join(known)
    return f"did you mean '{close[0]}'? known here: {listed}" if close else f"known here: {listed}"


def known_keys(model: Any, loc: Loc) -> list[str]:
    """Return the keys that ``model`` allows at the path ``loc``."""
    current = _unwrapped(model)
    for part in loc:
        if isinstance(current, type) and issubclass(current, BaseModel):
            spec = current.model_fields.get(str(part))
            current = _unwrapped(spec.annotation) if spec else None
        elif get_args(current):
            current = _unwrapped(get_args(current)[-1])
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []


def _unwrapped(annotation: Any) -> Any:
    """The model or container inside an optional or annotated type."""
    if hasattr(annotation, "__metadata__"):
        return _unwrapped(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return _unwrapped(inner[-1])
    return annotation
