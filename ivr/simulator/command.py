"""`ivr call`: turns the command line into a call, places it and prints its events."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ivr.core.errors import UsageError
from ivr.core.settings import Settings
from ivr.simulator.caller import address
from ivr.simulator.scenario import CallReport, CallSpec, Digits, HangUp, Interrupt, Say, ScenarioStep, Wait
from ivr.simulator.softphone import Credentials, Softphone

KEYS = frozenset("0123456789*#ABCD")


def spec(
    args: Sequence[str], *, to: str, settings: Settings, record: Path | None, max_s: float, caller_id: str
) -> CallSpec:
    """Build the call from the command line.

    args: the steps in order, and ``--quiet S`` (seconds of the service's silence before ``--say`` speaks).
    to: SIP address; empty: the service of ``settings`` on this machine.
    record, max_s, caller_id: as in ``CallSpec``.
    Raises UsageError naming the word that is wrong.
    """
    words = iter(args)
    steps: list[ScenarioStep] = []
    quiet_s = CallSpec.quiet_s
    for word in words:
        if word == "--hangup":
            steps.append(HangUp())
        elif word == "--quiet":
            quiet_s = _seconds(word, next(words, ""))
        elif word in _STEPS:
            steps.append(_STEPS[word](word, next(words, "")))
        else:
            raise UsageError(f"{word}: write --digits D, --say WAV, --interrupt WAV, --wait S or --hangup")
    target = to or f"sip:127.0.0.1:{settings.sip_port}"
    address(target)
    return CallSpec(target, tuple(steps), record=record, max_s=max_s, quiet_s=quiet_s, caller_id=caller_id)


async def run(
    settings: Settings, spec: CallSpec, *, user: str, password_file: Path | None, as_json: bool
) -> int:
    """Place the call and print its events.

    spec: the call.
    user, password_file: SIP user and the file with their password; neither: the installation's softphone.
    as_json: print one JSON object a line instead of text.
    Returns the exit status: 0 when the call was answered, else 1.
    """
    credentials = _credentials(user, password_file)
    host = address(spec.to).partition("@")[2].partition(";")[0].partition(":")[0]
    tls = ";transport=tls" in spec.to.lower()
    on_event = _print_json if as_json else _print_line
    async with Softphone(settings, credentials=credentials, host=host, tls=tls, srtp=tls) as phone:
        report = await phone.call(spec, on_event)
    if not report.ok:
        _print_failure(report, spec, as_json=as_json)
    return 0 if report.ok else 1


def _print_failure(report: CallReport, spec: CallSpec, *, as_json: bool) -> None:
    if as_json:
        _print_json(report.summary())
    sys.stderr.write(f"{spec.to} was not answered: {report.failure}\n")


def _credentials(user: str, password_file: Path | None) -> Credentials | None:
    if not user:
        if password_file is not None:
            raise UsageError("--password-file without --user: write whose password it is")
        return None
    if password_file is None:
        raise UsageError("--user without --password-file: write the file that holds the SIP password")
    try:
        return Credentials(user, password_file.read_text("utf-8").strip())
    except OSError as error:
        raise UsageError(f"{password_file}: {error.strerror}") from None


def _digits(word: str, value: str) -> ScenarioStep:
    if not value or not set(value.upper()) <= KEYS:
        raise UsageError(f"{word} {value}: write keys such as 2 or 15#")
    return Digits(value.upper())


def _file(word: str, value: str) -> Path:
    path = Path(value)
    if not value or not path.is_file():
        raise UsageError(f"{word} {value}: there is no such file")
    return path


def _seconds(word: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"{word} {value}: write seconds such as 1.5") from None


_STEPS: dict[str, Callable[[str, str], ScenarioStep]] = {
    "--digits": _digits,
    "--say": lambda word, value: Say(_file(word, value)),
    "--interrupt": lambda word, value: Interrupt(_file(word, value)),
    "--wait": lambda word, value: Wait(_seconds(word, value)),
}


def _print_json(event: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def _print_line(event: dict[str, object]) -> None:
    if event["event"] == "summary":
        times = [turn["mouth_to_ear_s"] for turn in event["turns"]]  # type: ignore[attr-defined]
        answers = ", ".join("no answer" if time is None else f"{time:.2f} s" for time in times)
        sys.stdout.write(f"greeting after {event['greeting_s']} s; answers after {answers or '-'}\n")
        if event["recording"]:
            sys.stdout.write(f"recorded in {event['recording']}\n")
        return
    by = f" by the {event['by']}" if "by" in event else ""
    sys.stdout.write(f"{event['t']:8.2f} s  {str(event['event']).replace('_', ' ')}{by}\n")
    sys.stdout.flush()
