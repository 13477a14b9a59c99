"""Settings: read once, refused with the name of what is wrong, secrets kept."""

from __future__ import annotations

import stat
from dataclasses import fields, replace
from pathlib import Path

import pytest

from ivr.core.errors import ConfigError
from ivr.core.settings import SECRET_NAMES, Settings, load
from ivr.service.child_process import environment

WORDS = {
    "log_format": "json",
    "recogniser": "vosk",
    "whisper_decoder": "faster-whisper",
    "rasa_url": "http://nlu:5005",
    "asterisk_url": "http://pbx:8088",
    "database_url": "postgresql://store/ivr",
}


def names() -> list[str]:
    return [spec.name for spec in fields(Settings) if spec.name not in ("root", "var", "secrets")]


def test_the_defaults_are_one_instance_in_the_checkout(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    assert (settings.root, settings.var) == (tmp_path, tmp_path / "var")
    assert (settings.instance, settings.sip_port, settings.http_port) == ("main", 5060, 8088)
    assert settings.database == f"sqlite:///{tmp_path}/var/state/main/ivr.sqlite"
    assert settings.rasa == "http://127.0.0.1:5005" and settings.ari_url == "http://127.0.0.1:8088"


@pytest.mark.parametrize("name", names())
def test_every_setting_has_its_variable(name: str, tmp_path: Path) -> None:
    default = getattr(load({}, tmp_path), name)
    raw = "7001" if isinstance(default, int) else WORDS.get(name, "other")
    changed = getattr(load({f"IVR_{name.upper()}": raw}, tmp_path), name)
    assert changed == (int(raw) if isinstance(default, int) else raw)


def test_an_empty_variable_is_no_setting(tmp_path: Path) -> None:
    assert load({f"IVR_{name.upper()}": "" for name in names()}, tmp_path) == load({}, tmp_path)


def test_root_and_var_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load({"IVR_ROOT": ".", "IVR_VAR": "elsewhere"})
    assert (settings.root, settings.var) == (tmp_path, tmp_path / "elsewhere")


def test_instances_share_models_and_nothing_that_must_not_be_lost(tmp_path: Path) -> None:
    one, two = (load({"IVR_INSTANCE": name}, tmp_path) for name in ("one", "two"))
    assert one.models == two.models and one.rootfs == two.rootfs
    assert len({one.state, two.state, one.pbx, two.pbx, one.database, two.database}) == 6


@pytest.mark.parametrize(
    ("name", "value"), [("IVR_SIP_PORT", "5060x"), ("IVR_HTTP_PORT", "8088.5"), ("IVR_RECOGNISER", "siri")]
)
def test_a_wrong_value_is_refused_by_name_and_with_its_mend(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{name}={value}.*write"):
        load({name: value}, tmp_path)


# passwords


def test_passwords_are_made_once_and_are_the_owners_alone(tmp_path: Path) -> None:
    first = load({}, tmp_path).secrets
    assert set(first) == set(SECRET_NAMES) and len(set(first.values())) == len(SECRET_NAMES)
    assert min(map(len, first.values())) >= 20
    file = tmp_path / "var/secrets.env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load({}, tmp_path).secrets == first
    assert sorted(path.name for path in file.parent.iterdir()) == ["secrets.env"]


def test_passwords_that_are_there_are_kept_and_missing_ones_added(tmp_path: Path) -> None:
    file = tmp_path / "var/secrets.env"
    file.parent.mkdir()
    file.write_text("# by hand\n\nARI_PASSWORD=a=b=c\nMINE=x\n")
    secrets = load({}, tmp_path).secrets
    assert (secrets["ARI_PASSWORD"], secrets["MINE"]) == ("a=b=c", "x")
    assert set(secrets) == {*SECRET_NAMES, "MINE"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    settings = load({}, tmp_path)
    assert not any(secret in repr(settings) for secret in settings.secrets.values())


def test_a_value_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://store/ivr\n")
    env = {"IVR_DATABASE_URL_FILE": str(tmp_path / "url")}
    assert load(env, tmp_path).database == "postgresql://store/ivr"
    assert load(env | {"IVR_DATABASE_URL": "sqlite://"}, tmp_path).database == "sqlite://"
    with pytest.raises(ConfigError, match="IVR_SIP_BIND_FILE=.*nowhere"):
        load({"IVR_SIP_BIND_FILE": str(tmp_path / "nowhere")}, tmp_path)


def test_a_file_of_passwords_is_read_and_never_written(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    file.write_text("".join(f"{name}=known\n" for name in SECRET_NAMES))
    settings = load({"IVR_SECRETS_FILE": str(file)}, tmp_path)
    assert set(settings.secrets.values()) == {"known"} and not (tmp_path / "var").exists()
    file.write_text("ARI_PASSWORD=known\n")
    with pytest.raises(ConfigError, match="IVR_SECRETS_FILE=.*write a line SOFTPHONE_PASSWORD="):
        load({"IVR_SECRETS_FILE": str(file)}, tmp_path)
    assert file.read_text() == "ARI_PASSWORD=known\n"


def test_an_asterisk_elsewhere_shares_its_folder_at_one_path(tmp_path: Path) -> None:
    settings = load({"IVR_ASTERISK_URL": "http://pbx:8088", "IVR_INSTANCE": "desk"}, tmp_path)
    assert (settings.ari_url, settings.asterisk_host) == ("http://pbx:8088", "pbx")
    assert str(settings.pbx) == settings.pbx_inside == "/srv/desk"


def test_a_child_process_has_the_same_settings(tmp_path: Path) -> None:
    own = load({"IVR_VAR": str(tmp_path / "var"), "IVR_INSTANCE": "trial"}, root=tmp_path)
    own = replace(own, places=7, log_format="json", rtp_end=20_123)
    assert load(environment(own)) == own


def test_what_a_file_holds_is_in_no_childs_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://accueil:secret@db/accueil")
    monkeypatch.setenv("IVR_VAR", str(tmp_path / "var"))
    monkeypatch.setenv("IVR_DATABASE_URL_FILE", str(file))
    own = load(root=tmp_path)
    assert load(environment(own)) == own and "secret" not in " ".join(environment(own).values())
    other = replace(own, database_url="")
    assert load(environment(other)) == other
