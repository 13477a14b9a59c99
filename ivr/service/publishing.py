"""`ivr publish`: makes edited files the content that callers hear, or refuses them with the reason.

Each step works on a snapshot.  Only the last step changes the content in use.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from ivr.call.dialogue import prompt_list
from ivr.content import heldout, versions
from ivr.content.bundle import Content
from ivr.core.clock import today
from ivr.core.errors import ConfigError, UsageError
from ivr.core.ports import free_port
from ivr.core.settings import Settings
from ivr.core.yamlfile import Severity
from ivr.evaluation import nlu
from ivr.evaluation.hearback import HeardBack, hear_back
from ivr.evaluation.replay import golden_gate
from ivr.evaluation.scores import JudgedQuestion, Scores
from ivr.nlu import remote, served, training
from ivr.service import check, content_choice, takeover
from ivr.service.pbx_parameters import templates_version
from ivr.speech.engines import choose
from ivr.speech.prompts import Prompts, open_prompts

MARGIN = 0.005
"""Share of the test questions by which a publication may be worse than the content in use."""
WARN_WER, REFUSE_WER = 0.15, 0.40
"""Word error rates of a prompt that is recognised: above the first it is reported, above the second refused."""
NAMED = 10
"""Number of broken questions or prompts that are named."""


class PublicationRefused(ConfigError):
    """The publication was refused; the content in use stays."""


def publish(settings: Settings, note: str) -> int:
    """Run every step and publish the edited files.

    note: text for the list of versions.

    Returns 0.  Raises PublicationRefused with what to correct.
    """
    with versions.changing(settings):
        number, draft = versions.snapshot(settings)
        content = dataclasses.replace(settings, root=draft)
        try:
            with _progress() as progress:
                facts = _steps(settings, content, _Steps(progress))
            version = versions.keep(settings, number, draft, note, facts)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            raise PublicationRefused(f"refused: the files cannot be written ({error})") from None
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        try:
            told = switch(settings, version.number)
        except BaseException:
            versions.discard(settings, version.number)
            raise
        training.clean(settings, versions.models(settings.var))
    after = "new calls use it" if told else "the service will use it when it starts"
    sys.stderr.write(f"Generation {version.number} is published: {after}\n")
    return 0


def rollback(settings: Settings, number: int | None) -> int:
    """Use an earlier content version; without ``number`` the one before the current.

    Returns 0.  Raises PublicationRefused or ConfigError where it cannot be used; then nothing has changed.
    """
    with versions.changing(settings):
        now = versions.current(settings)
        earlier = [item.number for item in versions.listed(settings) if item.number < now]
        wanted = number if number is not None else max(earlier, default=0)
        told = switch(settings, wanted)
    name = f"generation {wanted}" if wanted else "the files as they are edited"
    after = "new calls use it" if told else "no service runs: from the next start"
    sys.stderr.write(f"Back to {name}: {after}\n")
    return 0


def switch(settings: Settings, number: int) -> bool:
    """Use version ``number`` (0: the checkout) from the next call on; returns whether a service runs.

    The running service changes ``current`` itself, once the version takes calls.  Without one it is tried as far as
    a start would need it.  Raises UsageError, ConfigError or PublicationRefused; then ``current`` is as before.
    """
    if number and not versions.path(settings, number).is_dir():
        raise UsageError(f"no generation {number}: see `ivr content list`")
    if takeover.ask(settings, number):
        return True
    wanted = content_choice.of_number(settings, number)
    content_choice.usable(wanted)
    if served.model(wanted) is None:
        raise PublicationRefused("refused: it has no trained model: run make setup")
    try:
        versions.point(settings, number)
    except OSError as error:
        raise PublicationRefused(f"refused: `current` cannot be written ({error})") from None
    return False


def show(settings: Settings) -> None:
    """Print the published content versions."""
    table = Table("generation", "published", "note", "right in scope", "in use", box=None)
    now = versions.current(settings)
    for item in versions.listed(settings):
        when = dt.datetime.fromtimestamp(item.at).strftime("%Y-%m-%d %H:%M")
        right = f"{item.facts.get('scores', {}).get('right', 0):.1%}"
        table.add_row(str(item.number), when, item.note, right, "*" if item.number == now else "")
    Console().print(
        table if table.rows else "Nothing published yet: the files as they are edited are in use."
    )


def _steps(settings: Settings, content: Settings, steps: _Steps) -> dict[str, Any]:
    """Check, train, evaluate, replay, render and hear back; returns the facts for the manifest."""
    with steps.step("Checking"):
        findings = [*check.run(content.root, today(settings)), *check.dialplan(content)]
        wrong = [finding for finding in findings if finding.severity == Severity.ERROR]
        if wrong:
            raise PublicationRefused("refused: the files have errors", wrong)
    with steps.step("Training"):
        training.train(content)
    with steps.step("Test questions"):
        judged = asyncio.run(_judged(content))
        _compare(settings, judged)
    with steps.step("Golden calls") as bar:
        _prove(content, bar)
    loaded = Content.load(content)
    prompts = open_prompts(content, loaded.callflow.languages)
    with steps.step("Rendering") as bar:
        fresh = _render(loaded, prompts, bar)
    with steps.step(f"Hearing back {len(fresh)} prompts") as bar:
        rows = asyncio.run(_heard_back(content, loaded, prompts, fresh, bar))
    _judge_prompts(rows, excepted(content.root))
    return {
        "model": training.model_path(content).name,
        "templates": templates_version(),
        "scores": Scores.of(judged).rounded(),
        "outcomes": {_key(one): _good(one) for one in judged},
        "rendered": len(fresh),
    }


async def _judged(content: Settings) -> list[JudgedQuestion]:
    questions, _ = heldout.read(content.root)
    if content.rasa_workshop_url:
        await remote.load(content.rasa_workshop_url, training.model_path(content))
        staging = dataclasses.replace(content, rasa_url=content.rasa_workshop_url)
    else:
        staging = dataclasses.replace(content, rasa_url="", rasa_port=free_port())
    return await nlu.judge_all(staging, Content.load(content), questions)


def _good(one: JudgedQuestion) -> bool:
    """Whether a question in scope is answered right, and no wrong answer is given."""
    return (one.hit or not one.in_scope) and not one.wrong


def _key(one: JudgedQuestion) -> str:
    return f"{one.question.lang}\t{one.question.text}"


def _compare(settings: Settings, judged: Sequence[JudgedQuestion]) -> None:
    """Refuse a publication that is worse on the common test questions than the content in use."""
    now = versions.current(settings)
    before = next((item for item in versions.listed(settings) if item.number == now), None)
    known = before.facts.get("outcomes", {}) if before else {}
    common = [one for one in judged if _key(one) in known]
    broken = [one for one in common if known[_key(one)] and not _good(one)]
    mended = [one for one in common if _good(one) and not known[_key(one)]]
    if len(broken) - len(mended) > MARGIN * len(common):
        named = [
            f"{one.question.lang} “{one.question.text}”: {one.question.intent} is right,"
            f" it would {one.verdict.decision} {one.verdict.intent}"
            for one in broken[:NAMED]
        ]
        raise PublicationRefused(
            f"refused: {len(broken)} test questions broke, {len(mended)} got better", named
        )


def _prove(content: Settings, bar: _Bar) -> None:
    """Refuse a publication that changes the course of a golden call."""
    broken = golden_gate.broken(content, bar.at)
    if broken:
        raise PublicationRefused(f"refused: {len(broken)} turns of golden calls broke", broken[:NAMED])


def _render(content: Content, prompts: Prompts, bar: _Bar) -> list[tuple[str, str]]:
    """Render missing prompts at both speeds; returns the new sentences, as language and text."""
    fresh = prompts.missing(prompt_list.sentences(content.callflow, content.faq, content.phrases))
    prompts.render_all(fresh, bar.at)
    prompts.render_all(prompt_list.answers(content.callflow, content.faq), slow=True)
    return fresh


async def _heard_back(
    settings: Settings, content: Content, prompts: Prompts, items: Sequence[tuple[str, str]], bar: _Bar
) -> list[HeardBack]:
    if not items:
        return []
    recogniser = await asyncio.to_thread(choose, settings, sorted({lang for _, lang in items}), "whisper")
    hotwords = {lang: content.faq.hotwords(lang) for _, lang in items}
    rows: list[HeardBack] = []
    try:
        async for row in hear_back(items, prompts, recogniser, hotwords):
            rows.append(row)
            bar.at(len(rows), len(items))
    finally:
        await recogniser.close()
    return rows


def _judge_prompts(rows: Sequence[HeardBack], excepted: Collection[str]) -> None:
    """Report prompts that are hard to understand; refuse those that cannot be understood."""
    for row in sorted(rows, key=lambda row: -row.wer)[:NAMED]:
        if row.wer > WARN_WER:
            sys.stderr.write(
                f"hard to understand ({row.wer:.0%}), {row.lang}: “{row.text}” -> “{row.heard}”\n"
            )
    lost = [row for row in rows if row.wer > REFUSE_WER and row.text not in excepted]
    if lost:
        named = [f"{row.lang} ({row.wer:.0%}): “{row.text}” -> “{row.heard}”" for row in lost[:NAMED]]
        raise PublicationRefused(f"refused: {len(lost)} prompts are not understood when heard back", named)


def excepted(root: Path) -> Collection[str]:
    """Sentences of voices/unclear.txt, one a line, which are not refused: no recogniser spells their names."""
    path = root / "voices" / "unclear.txt"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


class _Bar:
    """One step's progress bar."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def at(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are done."""
        self._progress.update(self._task, completed=done, total=max(1, total))


class _Steps:
    """The steps, each with a progress bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    @contextmanager
    def step(self, title: str) -> Iterator[_Bar]:
        """Show the step ``title`` as running, then as done unless it raises."""
        task = self._progress.add_task(title, total=None)
        yield _Bar(self._progress, task)
        self._progress.update(task, total=1, completed=1)


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description:28}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))
