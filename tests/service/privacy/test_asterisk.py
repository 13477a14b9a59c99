"""Asterisk's own records: none that would name callers, but the queue log, whose numbers are overwritten."""

from __future__ import annotations

from pathlib import Path

from ivr.store.purge import redact_queue_log
from tests.conftest import ROOT

TEMPLATES = ROOT / "dialplans/asterisk"
QUEUE_LOG = b"""1795321430|c1|desk-en|NONE|ENTERQUEUE||+33612345678|2
1795321431|c1|desk-en|adviser|RINGNOANSWER|1000
1795321432|c2|desk-en|NONE|ENTERQUEUE|||1
1795321440|c1|desk-en|NONE|ABANDON|1|2|10
"""


def settings(name: str) -> dict[str, str]:
    lines = (line.split(";")[0] for line in (TEMPLATES / name).read_text("utf-8").splitlines())
    pairs = (line.replace("=>", "=").partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def test_no_call_records_and_no_verbose_log() -> None:
    assert settings("cdr.conf")["enable"] == "no"
    assert "verbose" not in settings("logger.conf")["asterisk.log"]


def test_numbers_in_the_queue_log_are_overwritten_in_place(tmp_path: Path) -> None:
    log = tmp_path / "queue_log"
    log.write_bytes(QUEUE_LOG)
    redact_queue_log(log)
    assert log.read_bytes() == QUEUE_LOG.replace(b"+33612345678", b"x" * 12)
    redact_queue_log(log)
    redact_queue_log(tmp_path / "none yet")
    assert log.read_bytes().count(b"x") == 12
