"""Settings: read from the environment, and told what is wrong with them, a line each."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.connection import kafka_arguments, redis_arguments
from workers.settings import SettingsError, load_settings

pytestmark = pytest.mark.usefixtures("no_settings")


def test_without_variables_everything_has_a_default() -> None:
    settings = load_settings()
    assert settings.brokers == ["localhost:9092"]
    assert settings.host == "127.0.0.1"


def test_each_wrong_variable_gets_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEGATE_KAFKA", "broker-without-port")
    monkeypatch.setenv("SLUICEGATE_BATCH_POSTS", "many")
    monkeypatch.setenv("SLUICEGATE_REDIS", "http://localhost")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "SLUICEGATE_KAFKA: 'broker-without-port' is not host:port" in lines
    assert any(line.startswith("SLUICEGATE_BATCH_POSTS: ") for line in lines)
    assert any(line.startswith("SLUICEGATE_REDIS: must begin with redis://") for line in lines)


@pytest.mark.parametrize("name", ["GROUP", "REDIS_NAMESPACE"])
def test_braces_are_refused_where_they_would_part_redis_keys(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"SLUICEGATE_{name}", "a{b}")
    with pytest.raises(SettingsError, match=f"SLUICEGATE_{name}: must have no braces in it"):
        load_settings()


@pytest.mark.parametrize("name", ["POLICY", "KAFKA_PASSWORD", "BATCH_POSTS", "REDIS_PASSWORD_FILE"])
def test_an_empty_variable_is_told_and_not_taken_for_something_else(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"SLUICEGATE_{name}", "")
    with pytest.raises(SettingsError, match=f"^SLUICEGATE_{name}: is empty; give it a value, or unset it$"):
        load_settings()


def test_a_misspelt_variable_is_told_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEGATE_POLIYC", "x.yaml")
    with pytest.raises(SettingsError, match="SLUICEGATE_POLIYC: no such setting; did you mean SLUICEGATE_POLICY"):
        load_settings()


def test_a_variable_that_is_like_no_setting_is_told_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEGATE_QQQ", "x")
    with pytest.raises(SettingsError, match=r"^SLUICEGATE_QQQ: no such setting$"):
        load_settings()


def test_a_file_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLUICEGATE_POLICY", str(tmp_path / "none.yaml"))
    with pytest.raises(SettingsError, match="SLUICEGATE_POLICY: no such file"):
        load_settings()


def test_a_password_is_read_from_a_file_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("opensesame\n")
    monkeypatch.setenv("SLUICEGATE_KAFKA_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("SLUICEGATE_REDIS_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("SLUICEGATE_KAFKA_USER", "worker")
    monkeypatch.setenv("SLUICEGATE_KAFKA_PROTOCOL", "SASL_PLAINTEXT")
    settings = load_settings()
    assert kafka_arguments(settings)["sasl_plain_password"] == "opensesame"
    assert redis_arguments(settings) == {"password": "opensesame"}
    assert "opensesame" not in repr(settings)


def test_a_password_file_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLUICEGATE_KAFKA_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match="SLUICEGATE_KAFKA_PASSWORD_FILE: No such file"):
        load_settings()


def test_sasl_without_a_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEGATE_KAFKA_PROTOCOL", "SASL_SSL")
    with pytest.raises(SettingsError, match="SLUICEGATE_KAFKA_USER and SLUICEGATE_KAFKA_PASSWORD are needed"):
        load_settings()


def test_tls_checks_the_certificate_and_the_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICEGATE_KAFKA_PROTOCOL", "SSL")
    context = kafka_arguments(load_settings())["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
