"""The section ``notify``: who is told, and what `ivr check` refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.content.callflow import read
from ivr.content.callflow.notify import Notify
from tests.conftest import ROOT

MAIL = 'host: "mail.example.org"\n    sender: line@example.org\n    recipients: [desk@example.org]\n    '
BOTH = MAIL + "urgent: [head@example.org]\n    "


def findings(tmp_path: Path, section: str) -> list[str]:
    (tmp_path / "dialplans").mkdir()
    shipped = (ROOT / "dialplans/callflow.yml").read_text("utf-8")
    before, _, rest = shipped.partition("\nnotify:\n")
    text = f"{before}\nnotify:\n  {section}{rest[rest.index(chr(10) + 'limits:') :]}"
    (tmp_path / "dialplans/callflow.yml").write_text(text, "utf-8")
    return [str(finding) for finding in read(tmp_path).findings]


@pytest.mark.parametrize(
    "section",
    [
        f"mail:\n    {BOTH}",
        f"mail:\n    {BOTH}sound: linked\n    link: https://desk.example.org/messages/\n",
        "webhook: https://example.org/hook\n",
        "webhook: http://127.0.0.1:8000/hook\n",
        f"mail:\n    {BOTH.replace('mail.example.org', 'localhost')}security: none\n    username: line\n",
        "remind_h: 0.5\n  webhook: https://example.org/hook\n",
    ],
)
def test_a_sound_section_is_taken(tmp_path: Path, section: str) -> None:
    assert findings(tmp_path, section) == []


@pytest.mark.parametrize("section", ["remind_h: 4\n", 'webhook: ""\n', 'mail:\n    host: ""\n'])
def test_that_messages_alert_nobody_is_said_and_is_no_error(tmp_path: Path, section: str) -> None:
    [found] = findings(tmp_path, section)
    assert "warning: nobody is told of a message" in found and "callflow.yml" in found


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (f"mail:\n    {MAIL}", "of an urgent message in fr only desk@example.org is told: write one more"),
        (
            f"mail:\n    {MAIL}urgent: [desk@example.org]\n",
            "of an urgent message in fr only desk@example.org",
        ),
        (f"mail:\n    {BOTH}by_language: {{de: []}}\n", "nobody is told of messages in de"),
        (
            f"mail:\n    {BOTH}by_language: {{de: [head@example.org]}}\n",
            "of an urgent message in de only head@",
        ),
        (f"mail:\n    {BOTH.replace('sender: line@example.org', 'port: 25')}", "sender is empty"),
        (f"mail:\n    {BOTH}sound: linked\n", "sound is linked, but link is empty"),
        (f"mail:\n    {BOTH}security: none\n    username: line\n", "password would be sent in clear text"),
        (f"mail:\n    {BOTH.replace('desk@example.org', 'desk')}", "'desk' is no e-mail address"),
        ('mail:\n    host: "a b"\n', "'host' is 'a b'"),
        ("webhook: http://example.org/hook\n", "is no safe address: write it like https://"),
        ("webhook: file:///etc/passwd\n", "is no safe address"),
        ("webhook: https://\n", "is no safe address"),
        ("remind_h: 0\n", "'remind_h' is '0'"),
    ],
)
def test_faults_are_refused(tmp_path: Path, section: str, said: str) -> None:
    assert any(said in finding for finding in findings(tmp_path, section)), findings


def test_with_no_mail_server_nobody_gets_mail() -> None:
    told = Notify.model_validate({"mail": {"recipients": ["desk@example.org"]}})
    assert told.targets("fr", urgent=True) == []
