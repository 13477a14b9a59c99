"""Checks of the containers' files that need no engine; check_stack.py runs the containers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr.core.settings import SECRET_NAMES, load
from tests.conftest import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
PUBLIC_NETWORK = {"edge"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"] and "cap_add" not in service
    assert "privileged" not in service
    ours = service.get("build", {}).get("dockerfile")
    user = (
        service["user"]
        if not ours
        else re.findall(r"^USER (\w+)$", (ROOT / ours).read_text("utf-8"), re.M)[-1]
    )
    assert user in ("accueil", "999:999")


def test_the_file_contains_no_password() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            secret = re.search("PASSWORD|SECRET|TOKEN|DATABASE_URL", name)
            assert not secret or (name.endswith("_FILE") and value.startswith("/run/secrets/"))


def test_only_calls_and_the_console_are_published_and_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"asterisk", "ivr"}
    assert all(port.startswith("${ACCUEIL_BIND:-127.0.0.1}:") for port in published["asterisk"])
    assert all(port.startswith("127.0.0.1:") for port in published["ivr"])


def test_rasa_and_the_database_are_on_networks_without_a_way_out() -> None:
    assert all(COMPOSE["networks"][name] == {"internal": True} for name in ("voice", "data"))
    for name in ("rasa", "workshop", "postgres"):
        assert not set(SERVICES[name]["networks"]) & PUBLIC_NETWORK


def test_the_passwords_are_created_once_and_kept(tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    script = tmp_path / "docker/secrets.sh"
    script.write_text((ROOT / "docker/secrets.sh").read_text("utf-8"), "utf-8")
    texts = []
    for _ in range(2):
        subprocess.run(["sh", str(script)], check=True)
        texts.append({path.name: path.read_text("utf-8") for path in (tmp_path / "secrets").iterdir()})
    assert texts[0] == texts[1]
    settings = load({"IVR_SECRETS_FILE": str(tmp_path / "secrets/accueil.env")}, tmp_path)
    assert set(settings.secrets) == set(SECRET_NAMES) and len(set(settings.secrets.values())) == len(
        SECRET_NAMES
    )
    assert texts[0]["postgres_password"].strip() in texts[0]["database_url"]
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_image_has_the_versions_that_were_tested() -> None:
    def locked(path: str) -> set[str]:
        return set(re.findall(r"^\S+==[^\s;]+", (ROOT / path).read_text("utf-8"), re.M))

    assert locked("docker/ivr/requirements.lock") <= locked("requirements.lock")
