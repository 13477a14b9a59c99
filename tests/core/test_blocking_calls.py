"""Nothing that blocks is called on an event loop: one caller's disk or database would silence all callers.

The test follows calls through the source: from each coroutine, and from each plain function that runs on a loop,
through the plain functions that it calls.  What is passed to a thread is no call, so it is not followed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import pytest

from tests.test_architecture import MODULES

BLOCKING = {
    "open", "io.open", "io.FileIO", "FileIO", "time.sleep", "input",
    "socket.create_connection", "socket.getaddrinfo", "socket.gethostbyname", "fcntl.flock",
    "httpx.get", "httpx.post", "httpx.put", "httpx.Client", "urllib.request.urlopen", "httpx.stream",
    "smtplib.SMTP", "smtplib.SMTP_SSL", "psycopg.connect", "sqlite3.connect",
    "psutil.Process", "psutil.process_iter", "tempfile.TemporaryDirectory", "tempfile.mkdtemp",
    "soundfile.read", "soundfile.write", "threading.Lock.acquire",
}  # fmt: skip
"""Functions that wait for a disk, a network, another process or a clock."""
BLOCKING_MODULES = ("subprocess.", "shutil.", "os.path.")
"""Every function of these, but for ``HARMLESS``."""
OS = {
    "open", "fsync", "fdatasync", "rename", "replace", "remove", "unlink", "mkdir", "makedirs", "listdir", "scandir",
    "stat", "lstat", "chown", "chmod", "link", "symlink", "readlink", "truncate", "waitpid", "statvfs", "system",
    "walk", "utime", "access", "rmdir", "removedirs",
}  # fmt: skip
"""Functions of ``os`` that touch a disk or wait."""
PATH = {
    "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "touch", "rmdir", "exists", "is_file",
    "is_dir", "stat", "lstat", "glob", "rglob", "iterdir", "readlink", "symlink_to", "hardlink_to", "chmod",
    "samefile", "is_symlink", "is_socket", "resolve",
}  # fmt: skip
"""Methods of ``pathlib.Path``, recognised by their names."""
OURS = {
    "ivr.store.journal.Journal.append", "ivr.store.journal.Journal.sync", "ivr.store.journal.Journal.close",
    "ivr.store.audio_capture.AudioCapture.__init__", "ivr.store.audio_capture.AudioCapture.add",
    "ivr.store.audio_capture.AudioCapture.close", "ivr.store.database.Store.connect",
    "ivr.store.database.Store.begin", "ivr.store.database.Store.rows",
}  # fmt: skip
"""Methods of ours that write to an open file or ask the database."""
OTHER_METHODS = {
    "fsync",
    "sendmail",
    "send_message",
    "starttls",
    "execute",
    "exec_driver_sql",
    "scalars",
    "flock",
}
"""Methods of files, of SMTP and of SQLAlchemy."""
HARMLESS = {"shutil.which", "os.path.join", "os.path.basename", "os.path.relpath", "subprocess.DEVNULL"}
ELSEWHERE = (
    "ivr.core.entrypoint", "ivr.setup", "ivr.cli", "ivr.simulator", "ivr.evaluation", "ivr.nlu.augmentation",
    "ivr.nlu.serving", "ivr.speech.stt_cached", "ivr.service.publishing", "ivr.service.check", "ivr.service.run",
    "ivr.service.supervisor", "ivr.service.takeover", "ivr.service.worker_group", "ivr.service.child_process",
    "ivr.service.socket_process", "ivr.nlu.server", "ivr.nlu.remote", "ivr.asterisk.process",
)  # fmt: skip
"""Commands, and the supervisor, which uses files when it starts a process: their loops serve no caller."""

ON_A_LOOP = (
    "ivr.call.session.Session._hear", "ivr.call.session.Session._note", "ivr.service.worker.Worker._note",
    "ivr.service.worker.Worker._admit", "ivr.asterisk.ari_link.AriLink._route", "ivr.call.audio.leg.CallLeg._pass_on",
    "ivr.call.audio.listener.Listener.hear", "ivr.call.audio.listener.Listener.key",
    "ivr.call.message_recorder.MessageRecorder.on_event", "ivr.store.background_capture.BackgroundCapture.add",
    "ivr.store.background_capture.BackgroundCapture.close", "ivr.store.background_capture.BackgroundCapture.drop",
    "ivr.core.heartbeat._beat", "ivr.service.recogniser.RecogniserSession.take",
)  # fmt: skip
"""Plain functions that an event loop calls by way of a callback, which the source does not show."""


@dataclass
class Function:
    """One function: where it is, whether it is a coroutine, what it calls."""

    name: str
    line: int
    is_async: bool
    calls: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Scope:
    """What names mean in one module and class."""

    module: str
    names: Mapping[str, str]
    class_name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    local: dict[str, str] = field(default_factory=dict)


def _names(module: str, tree: ast.Module) -> dict[str, str]:
    """What each name at the top of a module stands for."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {
                (alias.asname or alias.name.split(".")[0]): alias.asname
                and alias.name
                or alias.name.split(".")[0]
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = f"{module}.{node.name}"
    return found


def _type(annotation: ast.expr | None, names: Mapping[str, str]) -> str:
    """The class that an annotation names, its first alternative; empty when it is none of ours."""
    match annotation:
        case ast.BinOp(left=left):
            return _type(left, names)
        case ast.Name(id=name):
            return names.get(name, "")
        case ast.Attribute(value=ast.Name(id=owner), attr=attr):
            return f"{names.get(owner, owner)}.{attr}"
        case ast.Constant(value=str(text)):
            return names.get(text, "")
    return ""


def _typed_arguments(
    node: ast.FunctionDef | ast.AsyncFunctionDef, names: Mapping[str, str]
) -> dict[str, str]:
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return {one.arg: found for one in given if (found := _type(one.annotation, names))}


def _value_type(value: ast.expr, local: Mapping[str, str], names: Mapping[str, str]) -> str:
    match value:
        case ast.Name(id=name):
            return local.get(name, "")
        case ast.Call(func=ast.Name(id=name)) if name[:1].isupper():
            return names.get(name, "")
        case ast.Attribute(value=ast.Name(id=owner), attr=attr) if owner in local:
            return CLASSES.get(local[owner], {}).get(attr, "")
    return ""


CLASSES: dict[str, dict[str, str]] = {}
"""Class -> attribute -> class of its value, as far as annotations and constructors tell."""


def _attributes(node: ast.ClassDef, names: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            found[item.target.id] = _type(item.annotation, names)
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            local = _typed_arguments(item, names)
            for statement in ast.walk(item):
                for target, value in _assigned(statement):
                    match target:
                        case ast.Attribute(value=ast.Name(id="self"), attr=attr):
                            found[attr] = _value_type(value, local, names) or found.get(attr, "")
        if isinstance(item, ast.FunctionDef) and any(_is(one, "property") for one in item.decorator_list):
            found[item.name] = _type(item.returns, names)
    return found


def _assigned(statement: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        yield statement.target, statement.value
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple):
                yield from zip(target.elts, statement.value.elts, strict=True)
            else:
                yield target, statement.value


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _target(func: ast.expr, scope: Scope) -> str:
    """The full name of what a call calls, or ``.method`` of an unknown object."""
    match func:
        case ast.Name(id=name):
            return scope.names.get(name, name)
        case ast.Attribute(value=owner, attr=attr):
            kind = _kind(owner, scope)
            return f"{kind}.{attr}" if kind else f".{attr}"
    return ""


def _kind(owner: ast.expr, scope: Scope) -> str:
    match owner:
        case ast.Name(id="self"):
            return scope.class_name
        case ast.Name(id=name):
            return scope.local.get(name) or scope.names.get(name, "")
        case ast.Attribute(value=inner, attr=attr):
            kind = _kind(inner, scope)
            return CLASSES.get(kind, {}).get(attr, "") or (
                f"{kind}.{attr}" if kind and kind not in CLASSES else ""
            )
        case ast.Call(func=func):
            made = _target(func, scope)
            return made if made in CLASSES else ""
    return ""


def _calls(body: list[ast.stmt], scope: Scope) -> Iterator[tuple[str, int]]:
    """The calls of a function, without those of functions and lambdas in it."""
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        for target, value in _assigned(node):
            if isinstance(target, ast.Name) and (kind := _value_type(value, scope.local, scope.names)):
                scope.local[target.id] = kind
        if isinstance(node, ast.Call):
            yield _target(node.func, scope), node.lineno
        waiting[:0] = ast.iter_child_nodes(node)


def _functions(module: str, tree: ast.Module, names: Mapping[str, str]) -> Iterator[Function]:
    def of(node: ast.AST, prefix: str, class_name: str) -> Iterator[Function]:
        for item in ast.iter_child_nodes(node):
            if isinstance(item, ast.ClassDef):
                yield from of(item, f"{prefix}.{item.name}", f"{prefix}.{item.name}")
            elif isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
                scope = Scope(module, names, class_name, local=_typed_arguments(item, names))
                made = Function(f"{prefix}.{item.name}", item.lineno, isinstance(item, ast.AsyncFunctionDef))
                made.calls = list(_calls(item.body, scope))
                yield made
                yield from of(item, f"{prefix}.{item.name}", class_name)

    yield from of(tree, module, "")


@cache
def _program() -> dict[str, Function]:
    trees = {module: ast.parse(path.read_text("utf-8")) for module, path in MODULES.items()}
    names = {module: _names(module, tree) for module, tree in trees.items()}
    for _ in range(2):  # attributes of attributes
        for module, tree in trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    CLASSES[f"{module}.{node.name}"] = _attributes(node, names[module])
    found = [one for module, tree in trees.items() for one in _functions(module, tree, names[module])]
    return {one.name: one for one in found}


def _blocks(call: str) -> bool:
    if call in HARMLESS:
        return False
    owner, _, method = call.rpartition(".")
    return (
        call in BLOCKING | OURS
        or call.startswith(BLOCKING_MODULES)
        or (owner == "os" and method in OS)
        or (
            (not owner or owner not in CLASSES and not owner.startswith("asyncio"))
            and method in PATH | OTHER_METHODS
        )
    )


def _blocking_calls(name: str, seen: frozenset[str] = frozenset()) -> Iterator[tuple[str, ...]]:
    """The ways from a function to calls that block, through plain functions only."""
    program = _program()
    for call, line in program[name].calls:
        if _blocks(call):
            yield (f"{name}:{line}", call)
            continue
        callee = call if call in program else f"{call}.__init__"
        called = program.get(callee)
        if called is not None and not called.is_async and callee not in seen:
            for way in _blocking_calls(callee, seen | {callee}):
                yield (f"{name}:{line}", *way)
                break


COROUTINES = [
    name for name, function in _program().items() if function.is_async and not name.startswith(ELSEWHERE)
]


@pytest.mark.parametrize("name", COROUTINES)
def test_a_coroutine_calls_nothing_that_blocks(name: str) -> None:
    assert [" -> ".join(way) for way in _blocking_calls(name)] == []


@pytest.mark.parametrize("name", ON_A_LOOP)
def test_what_a_loop_calls_back_blocks_nothing(name: str) -> None:
    assert [" -> ".join(way) for way in _blocking_calls(name)] == []


def test_what_blocks_is_found() -> None:
    """The collector's round and the journal block, and so does what calls them."""
    for name in (
        "service.collector.Collector._collect",
        "service.transcriber.Transcriber._note",
        "store.database.Store.answers",
    ):
        assert list(_blocking_calls(f"ivr.{name}")), name
