"""Progress of set-up: one line with a bar per step on a terminal, plain lines otherwise."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Task:
    """The line of one step; ``show`` draws it.  Any thread may update it."""

    def __init__(self, title: str, show: Callable[[float | None, str], None]) -> None:
        self.title = title
        self._show = show

    def at(self, share: float | None, text: str = "") -> None:
        """Show that ``share`` of the work is done (0 to 1, None: unknown), and ``text``: the current action."""
        self._show(None if share is None else min(max(share, 0.0), 1.0), text)

    def parts(self, names: Sequence[str]) -> dict[str, Task]:
        """Tasks with these names that share this line with equal weight."""
        shares = dict.fromkeys(names, 0.0)

        def part(name: str) -> Task:
            def show(share: float | None, text: str) -> None:
                shares[name] = shares[name] if share is None else share
                self.at(sum(shares.values()) / len(shares), text)

            return Task(name, show)

        return {name: part(name) for name in names}

    def bytes(self, done: int, total: int | None, text: str = "") -> None:
        """Show a download: ``done`` of ``total`` bytes (None: unknown), and its name ``text``."""
        size = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total else f"{done / 1e6:.0f} MB"
        self.at(done / total if total else None, f"{text} {size}".strip())


class ProgressBoard:
    """The lines of all running steps on ``console``.  Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._live = console.is_terminal
        self._lock = threading.Lock()
        self._bars = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}", style="bold"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", style="dim"),
            console=console,
            disable=not self._live,
        )

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._bars.stop()

    def say(self, line: str, style: str = "") -> None:
        """Print one line above the bars, in a style of rich."""
        with self._lock:
            self.console.print(line, style=style, highlight=False, markup=False, soft_wrap=True)

    def task(self, title: str) -> Task:
        """Add a line for a step, at 0 %."""
        if not self._live:
            self.say(f"... {title}")
            return Task(title, self._plain(title))
        number = self._bars.add_task(title, total=1.0, text="")
        return Task(
            title, lambda share, text: self._bars.update(number, completed=share, text=text, refresh=False)
        )

    def finished(self, task: Task, seconds: float) -> None:
        """Mark a step as done after ``seconds``."""
        task.at(1.0)
        if not self._live:
            self.say(f"    {task.title}: done in {seconds:.0f} s")

    def _plain(self, title: str) -> Callable[[float | None, str], None]:
        """Print a line at most every 10 s, for a log."""
        printed = [time.monotonic()]

        def show(share: float | None, text: str) -> None:
            if time.monotonic() - printed[0] < 10 or share == 1.0:
                return
            printed[0] = time.monotonic()
            self.say(f"    {title}: {'' if share is None else f'{share:.0%} '}{text}")

        return show
