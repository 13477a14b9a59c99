"""Steps run once, again when their inputs change, side by side, and fail in one line each."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from ivr.core.errors import SetupError
from ivr.core.settings import Settings
from ivr.setup.progress import ProgressBoard, Task
from ivr.setup.steps import RunStep, SetupStep, build, run_all


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path, var=tmp_path / "var")


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def board(output: io.StringIO) -> ProgressBoard:
    return ProgressBoard(Console(file=output))


def step(
    name: str, run: RunStep, *, inputs: Sequence[str | Path] = (), after: tuple[str, ...] = ()
) -> SetupStep:
    return SetupStep(name, name.title(), run, lambda settings: inputs, lambda settings: True, after)


def recording(log: list[str], name: str) -> RunStep:
    def run(settings: Settings, task: Task) -> Sequence[str]:
        log.append(name)
        return []

    return run


def test_a_step_runs_once_and_again_when_a_file_of_it_changed(
    settings: Settings, board: ProgressBoard
) -> None:
    content = settings.root / "content"
    content.mkdir()
    (content / "a.yml").write_text("one")
    log: list[str] = []
    steps = [step("train", recording(log, "train"), inputs=[content])]
    run_all(settings, steps, board)
    run_all(settings, steps, board)
    assert log == ["train"]
    (content / "a.yml").write_text("two")
    run_all(settings, steps, board)
    (content / "b.yml").write_text("two")
    run_all(settings, steps, board)
    assert log == ["train"] * 3


def test_a_step_runs_again_when_its_result_is_gone(settings: Settings, board: ProgressBoard) -> None:
    log: list[str] = []
    result = settings.root / "result"
    gone = SetupStep("a", "A", recording(log, "a"), lambda s: ["same"], lambda s: result.exists())
    run_all(settings, [gone], board)
    run_all(settings, [gone], board)
    assert log == ["a", "a"]


def test_order_is_kept_and_what_is_independent_runs_side_by_side(
    settings: Settings, board: ProgressBoard
) -> None:
    both = threading.Barrier(2, timeout=5)
    log: list[str] = []

    def together(name: str) -> RunStep:
        def run(settings: Settings, task: Task) -> Sequence[str]:
            both.wait()  # raises unless the other step runs at the same time
            log.append(name)
            return []

        return run

    steps = [
        step("last", recording(log, "last"), after=("left", "right")),
        step("left", together("left"), after=("first",)),
        step("right", together("right"), after=("first",)),
        step("first", recording(log, "first")),
    ]
    run_all(settings, steps, board)
    assert (log[0], log[-1], len(log)) == ("first", "last", 4)


def test_a_step_that_changes_the_next_ones_inputs_makes_it_due(
    settings: Settings, board: ProgressBoard
) -> None:
    voice = settings.root / "voice"
    log: list[str] = []

    def fetch(settings: Settings, task: Task) -> Sequence[str]:
        voice.write_text(str(len(log)))
        return []

    def steps(version: str) -> list[SetupStep]:
        models = step("models", fetch, inputs=[version])
        return [models, step("prompts", recording(log, "prompts"), inputs=[voice], after=("models",))]

    voice.write_text("none")
    run_all(settings, steps("1"), board)
    run_all(settings, steps("1"), board)
    assert log == ["prompts"]
    run_all(settings, steps("2"), board)
    assert log == ["prompts", "prompts"]


def test_after_a_failure_nothing_starts_and_other_results_are_kept(
    settings: Settings, board: ProgressBoard
) -> None:
    log: list[str] = []

    def fail(settings: Settings, task: Task) -> Sequence[str]:
        raise SetupError("the mirror is away")

    steps = [
        step("asterisk", fail),
        step("models", recording(log, "models")),
        step("demo", recording(log, "demo"), after=("asterisk", "models")),
    ]
    with pytest.raises(SetupError, match="^Asterisk: the mirror is away$"):
        run_all(settings, steps, board)
    assert log == ["models"]
    assert steps[0].due(settings) and not steps[1].due(settings)


def test_lines_for_the_operator_are_shown(
    settings: Settings, board: ProgressBoard, output: io.StringIO
) -> None:
    run_all(settings, [step("models", lambda s, t: ["Voices: Pico in use [later]"])], board)
    assert "Voices: Pico in use [later]\n" in output.getvalue()


def partly_built(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "half").write_text("x")
    raise KeyboardInterrupt


def whole(text: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        assert not folder.exists()
        folder.mkdir(parents=True)
        (folder / "whole").write_text(text)

    return make


def test_a_built_folder_is_always_complete(tmp_path: Path) -> None:
    target = tmp_path / "var" / "env"
    with pytest.raises(KeyboardInterrupt):
        build(target, partly_built)
    assert not target.exists()
    build(target, whole("one"))
    with pytest.raises(KeyboardInterrupt):
        build(target, partly_built)
    assert (target / "whole").read_text() == "one"
    build(target, whole("two"))
    assert (target / "whole").read_text() == "two"
    assert [path.name for path in target.parent.iterdir()] == ["env"]
