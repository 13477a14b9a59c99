"""A linter for the rendered dialplan; Asterisk itself reports a fault only when a call reaches it.  Pure.

It finds targets that do not exist, variables that are never set, lines that are never reached, and applications whose
module is not loaded.  It does not check targets and names that are computed at run time (``${...}``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

ENDS = {"goto", "hangup", "return", "busy", "congestion"}
"""Applications after which the next line is not reached."""
MODULES = {
    "answer": "", "hangup": "", "goto": "", "gotoif": "", "noop": "", "set": "", "wait": "", "busy": "",
    "congestion": "", "dial": "app_dial", "dbdeltree": "app_db", "execif": "app_exec", "gosub": "app_stack",
    "gosubif": "app_stack", "return": "app_stack", "mixmonitor": "app_mixmonitor", "playback": "app_playback",
    "queue": "app_queue", "queuelog": "app_queue", "pausequeuemember": "app_queue",
    "unpausequeuemember": "app_queue", "read": "app_read", "record": "app_record", "stasis": "app_stasis",
    "stasisbroadcast": "app_stasis_broadcast", "verbose": "app_verbose",
}  # fmt: skip
"""Application -> the module that provides it; empty for applications of the core."""
GIVEN = re.compile(
    r"IVR_\w+|CALLBACK\w*|ARG\d+|EXTEN|CONTEXT|PRIORITY|UNIQUEID|CHANNEL|EPOCH|DIALSTATUS|QUEUESTATUS|STASISSTATUS|PLAYBACKSTATUS"
    r"|RECORD_STATUS|HANGUPCAUSE|GOSUB_RESULT|ANSWEREDTIME|DIALEDTIME|\w*QUEUE\w*"
)
"""Variables that Asterisk or the program sets."""
_EXTEN = re.compile(
    r"(?:exten\s*=>?\s*(?P<name>[^,]+),|same\s*=>?\s*)(?P<prio>\d+|n|hint)(?:\((?P<label>\w+)\))?,(?P<app>.*)"
)
_VARIABLE = re.compile(r"\$\{(\w+)(?=[}:])")
_SET = re.compile(r"\b(?:Set\((?:_{1,2})?(\w+)\s*=|Read\((\w+))")
_GOTO = re.compile(r"\bGoto\(([^()]*)\)", re.I)
_GOTOIF = re.compile(r"\bGotoIf\((.*)\)\s*$", re.I)
_GOSUB = re.compile(r"\bGosub\(([\w-]+),(\w+),(\w+)", re.I)
_HANDLER = re.compile(r"\b[bB]\(([\w-]+)\^(\w+)\^(\d+)")
_CALLED = re.compile(r"\bU\(([\w-]+)")
_LOCAL = re.compile(r"\bLocal/([^@$]+)@([\w-]+)")


@dataclass(frozen=True)
class DialplanProblem:
    """A problem in a line.

    line: its number, from 1.
    what: what is wrong.
    mend: what to write instead.
    """

    line: int
    what: str
    mend: str


@dataclass
class _Extension:
    labels: set[str] = field(default_factory=set)
    last: int = 0


@dataclass(frozen=True)
class _Priority:
    number: int
    context: str
    name: str
    text: str


Contexts = dict[str, dict[str, _Extension]]


def lint(text: str, modules: str) -> list[DialplanProblem]:
    """All problems of a dialplan, by line.

    text: content of ``extensions.conf``.
    modules: content of ``modules.conf``.
    """
    contexts: Contexts = {}
    problems: list[DialplanProblem] = []
    steps = list(_steps(text, contexts, problems))
    known = {name for step in steps for found in _SET.findall(step.text) for name in found if name}
    known |= set(re.findall(r"^(\w+)\s*=>?\s*\S", text.partition("[globals]")[2].partition("\n[")[0], re.M))
    for step in steps:
        problems += _unset(step, known)
        problems += _targets(step, contexts)
        problems += _applications(step, modules)
    return sorted(problems, key=lambda problem: problem.line)


def _steps(text: str, contexts: Contexts, problems: list[DialplanProblem]) -> Iterator[_Priority]:
    context, name, ended = "", "", False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("["):
            context, name, ended = line[1 : line.index("]")], "", False
            contexts.setdefault(context, {})
            continue
        found = _EXTEN.match(line)
        if found is None or line.startswith(";"):
            continue
        if found["name"]:
            ended = ended and found["name"].strip() == name and found["prio"] == "n"
            name = found["name"].strip()
        if not context or not name:
            problems.append(
                DialplanProblem(
                    number, "a priority that belongs to no extension", "write exten => NAME,1,... first"
                )
            )
            continue
        extension = contexts[context].setdefault(name, _Extension())
        problems += _order(number, found, extension, ended, name)
        if found["label"]:
            extension.labels.add(found["label"])
        ended = found["app"].partition("(")[0].strip().lower() in ENDS
        yield _Priority(number, context, name, found["app"])


def _order(
    number: int, found: re.Match[str], extension: _Extension, ended: bool, name: str
) -> Iterator[DialplanProblem]:
    wanted = found["prio"]
    if wanted == "n" and not extension.last:
        yield DialplanProblem(number, f"extension {name} begins with n", "give its first line the priority 1")
    if wanted.isdecimal() and int(wanted) <= extension.last:
        yield DialplanProblem(
            number, f"priority {wanted} of {name} is there twice", "write n, or the next number"
        )
    elif wanted.isdecimal() and int(wanted) > extension.last + 1:
        yield DialplanProblem(
            number, f"priority {wanted} of {name} is never reached", f"write {extension.last + 1}, or n"
        )
    elif ended and not found["label"] and extension.last:
        yield DialplanProblem(number, "this line is never reached", "take it out, or give it a label")
    extension.last = int(wanted) if wanted.isdecimal() else extension.last + 1


def _unset(step: _Priority, known: set[str]) -> Iterator[DialplanProblem]:
    for name in _VARIABLE.findall(step.text):
        if name not in known and not GIVEN.fullmatch(name):
            yield DialplanProblem(
                step.number, f"the variable {name} is set nowhere", "set it, or take it out"
            )


def _applications(step: _Priority, modules: str) -> Iterator[DialplanProblem]:
    named = step.text.partition("(")[0].strip()
    inner = re.findall(r"\?\s*([A-Z]\w+)\(", step.text) if named.lower() == "execif" else []
    for name in (named, *inner):
        module = MODULES.get(name.lower())
        if module and not re.search(rf"^\s*load\s*=>?\s*{module}\.so", modules, re.M):
            yield DialplanProblem(
                step.number, f"{name} needs {module}, which is not loaded", "load it in modules.conf"
            )


def _targets(step: _Priority, contexts: Contexts) -> Iterator[DialplanProblem]:
    wanted = [tuple(part.strip() for part in found.split(",")) for found in _GOTO.findall(step.text)]
    for found in _GOTOIF.findall(step.text):
        branches = found.rpartition("?")[2].split(":")
        wanted += [tuple(part.strip() for part in branch.split(",")) for branch in branches if branch]
    wanted += _GOSUB.findall(step.text) + _HANDLER.findall(step.text)
    wanted += [(context, "s", "1") for context in _CALLED.findall(step.text)]
    wanted += [(context, name, "1") for name, context in _LOCAL.findall(step.text)]
    for target in wanted:
        context, name, priority = [step.context, step.name][: 3 - len(target)] + list(target)
        what = _missing(contexts, context, name, priority)
        if what:
            yield DialplanProblem(step.number, what, "write a target that exists")


def _missing(contexts: Mapping[str, Mapping[str, _Extension]], context: str, name: str, priority: str) -> str:
    if "$" in context + name + priority:
        return ""
    if context not in contexts:
        return f"there is no context {context}"
    extension = contexts[context].get(name)
    if extension is None:
        patterns = any(other.startswith("_") for other in contexts[context])
        return "" if patterns else f"there is no extension {name} in context {context}"
    if priority.isdecimal():
        return "" if int(priority) <= extension.last else f"{name} in {context} has no priority {priority}"
    return "" if priority in extension.labels else f"{name} in {context} has no label {priority}"
