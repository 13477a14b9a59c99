"""Which content answers calls: the version in use, or the best other one when that cannot be used.

A start never depends on what nobody has published.  The order is: the version in use, the versions before it, those
after it, the files as they last answered calls, and the content that comes with the program.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from ivr.asterisk import config as asterisk
from ivr.content import defaults, published, versions
from ivr.content.bundle import Content, findings
from ivr.core.clock import today
from ivr.core.errors import ConfigError
from ivr.core.files import write_durably
from ivr.core.settings import Settings
from ivr.core.yamlfile import Severity, raise_if_errors
from ivr.service import check
from ivr.service.pbx_parameters import pbx_parameters
from ivr.speech import pronunciation

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ContentChoice:
    """The content that answers calls.

    settings: with its root.
    content: what was read there.
    problems: why better candidates were passed over, one line each, the best first.
    """

    settings: Settings
    content: Content
    problems: tuple[str, ...] = ()


def choose(settings: Settings) -> ContentChoice:
    """Return the best content that can be used, and log an alarm for each better one.  Blocks."""
    problems: list[str] = []
    for candidate in _candidates(settings):
        try:
            content = usable(candidate)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one candidate, the next one answers calls
            problems.append(_line(error))
            log.error("ALARM: the content in %s cannot be used: %s", candidate.root, problems[-1])
            continue
        return ContentChoice(candidate, content, tuple(problems))
    raise ConfigError(
        "no content can be used, not even the program's own: install the program again", problems
    )


def usable(settings: Settings) -> Content:
    """Return the content in ``settings.root``, read and checked as far as calls need it.

    A published version may be older or newer than the program: what it lacks comes from the program's own content
    (``ivr.content.published``).  Edited files must have no errors.

    Raises ConfigError, whose first finding names file and line.
    """
    if versions.number_of(settings.root) or published.is_version(settings.root):
        damage = versions.damage(settings, versions.number_of(settings.root))
        if damage:
            raise ConfigError(damage)
        for finding in findings(settings.root):
            if finding.severity is Severity.WARNING:
                log.warning("%s/%s", settings.root, finding)
    elif settings.root != defaults.ROOT:
        check.refuse_errors(settings)
    content = Content.load(settings)
    for lang in content.callflow.languages:
        pronunciation.read(settings.root, lang)
    asterisk.texts(settings, pbx_parameters(settings, content.callflow))
    return content


def draft_problem(settings: Settings) -> str:
    """Return the first error of the edited files, with file and line; empty when they have none.  Blocks."""
    try:
        wrong = [*check.run(settings.root, today(settings), questions=False), *check.dialplan(settings)]
        raise_if_errors(wrong, "the edited files")
    except Exception as error:  # noqa: BLE001  # they answer no call: whatever is wrong with them is only told
        return _line(error)
    return ""


def note(settings: Settings, choice: ContentChoice, draft: str) -> None:
    """Write for the console which content answers, and what is wrong with the other; a failure is logged."""
    found = {
        "in_use": versions.number_of(choice.settings.root),
        "root": str(choice.settings.root),
        "problems": list(dict.fromkeys([*choice.problems, *([draft] if draft else [])])),
    }
    try:
        write_durably(settings.state_dir.content_status, json.dumps(found, indent=1))
    except OSError as error:
        log.warning("%s: %s", settings.state_dir.content_status, error.strerror)


def _candidates(settings: Settings) -> Iterator[Settings]:
    for number in versions.candidates(settings):
        yield of_number(settings, number)
    last = versions.path(settings, versions.LAST_DRAFT)
    if published.is_version(last):
        yield dataclasses.replace(settings, root=last)
    yield dataclasses.replace(settings, root=defaults.ROOT)


def of_number(settings: Settings, number: int) -> Settings:
    """Return the settings with the content version ``number`` (0: the checkout)."""
    return dataclasses.replace(settings, root=versions.path(settings, number)) if number else settings


def _line(error: Exception) -> str:
    """The first thing that is wrong, in one line."""
    first = error.findings[0] if isinstance(error, ConfigError) and error.findings else error
    text = " ".join(str(first).split())
    return text if isinstance(error, ConfigError) else f"{type(error).__name__}: {text}"
