"""Settings of TLS and logins: what would go on in the clear, wait for ever or show a secret is refused in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from workers.connection import kafka_arguments, redis_arguments
from workers.counters.redis import RedisStore
from workers.settings import SettingsError, load_settings

SECRET = "pw-7h3-53cr37"


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, no_settings: None) -> Any:
    """Set variables SLUICEGATE_*, and no others."""

    def set_all(**settings: Any) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"SLUICEGATE_{name.upper()}", str(value))

    return set_all


def refusal() -> str:
    """What the settings are refused with."""
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value.__cause__)
    return str(caught.value)


def test_an_authority_without_tls_is_refused(say: Any, certificates: Any) -> None:
    say(kafka_ca=certificates.ca)
    assert refusal() == "SLUICEGATE_KAFKA_CA and SLUICEGATE_KAFKA_CERT need SLUICEGATE_KAFKA_PROTOCOL=SSL or SASL_SSL"
    say(kafka_protocol="SSL", redis_ca=certificates.ca)
    assert refusal() == "SLUICEGATE_REDIS_CA needs a SLUICEGATE_REDIS that begins with rediss://"


def test_a_password_without_sasl_is_refused(say: Any) -> None:
    say(kafka_user="worker", kafka_password=SECRET)
    assert refusal() == "SLUICEGATE_KAFKA_USER and SLUICEGATE_KAFKA_PASSWORD need SLUICEGATE_KAFKA_PROTOCOL=SASL_SSL"


def test_an_authority_s_file_without_a_certificate_is_named(say: Any, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(SECRET)
    say(kafka_protocol="SSL", kafka_ca=tmp_path / "ca.pem")
    assert str(tmp_path / "ca.pem") in refusal()


def test_so_is_that_of_redis(say: Any, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(SECRET)
    say(redis="rediss://localhost:6379", redis_ca=tmp_path / "ca.pem")
    assert str(tmp_path / "ca.pem") in refusal()


def test_a_key_of_another_certificate_is_named(say: Any, certificates: Any) -> None:
    certificate, _ = certificates.client("worker")
    _, key = certificates.client("platform")
    say(kafka_protocol="SSL", kafka_ca=certificates.ca, kafka_cert=certificate, kafka_key=key)
    assert f"{certificate} and {key} are no certificate and its key" in refusal()


def test_an_encrypted_key_is_refused_instead_of_asking_at_the_terminal(
    say: Any, certificates: Any, tmp_path: Path
) -> None:
    certificate, key = certificates.client("worker")
    plain = serialization.load_pem_private_key(key.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(SECRET.encode())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    (tmp_path / "key.pem").write_bytes(plain.private_bytes(*form))
    say(kafka_protocol="SSL", kafka_ca=certificates.ca, kafka_cert=certificate, kafka_key=tmp_path / "key.pem")
    assert "the private key is encrypted" in refusal()


def test_a_password_file_that_is_no_text_is_refused(say: Any, tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\xff\xfe\x00")
    say(kafka_password_file=tmp_path / "password")
    assert refusal() == f"SLUICEGATE_KAFKA_PASSWORD_FILE: no text in UTF-8: {tmp_path / 'password'}"


@pytest.mark.parametrize("url", [f"redis://:x:{SECRET}", f"http://:{SECRET}@host", f"redis://[::1:{SECRET}"])
def test_a_wrong_url_of_redis_is_not_repeated_for_it_may_hold_a_password(say: Any, url: str) -> None:
    say(redis=url)
    assert refusal().startswith("SLUICEGATE_REDIS: ")


@pytest.mark.parametrize("word", ["ssl_cert_reqs=none", "ssl_check_hostname=false"])
def test_the_checks_of_tls_cannot_be_turned_off(say: Any, word: str) -> None:
    say(redis=f"rediss://localhost/0?{word}")
    assert "certificate and host name are always checked" in refusal()


def test_no_error_and_no_repr_shows_a_secret(say: Any) -> None:
    login = {"kafka_protocol": "SASL_SSL", "kafka_user": "worker", "kafka_password": SECRET}
    say(**login, redis=f"rediss://worker:{SECRET}@localhost/0", redis_password=SECRET)
    settings = load_settings()
    shown = f"{settings!r} {settings} {settings.model_fields_set} {RedisStore(settings.redis)!r}"
    assert SECRET not in shown
    say(kafka="none", batch_posts="none", log_level=f"{SECRET}")
    assert len(refusal().splitlines()) == 3


def test_arguments_for_each_client_check_the_certificate_and_the_host_name(say: Any, certificates: Any) -> None:
    say(kafka_protocol="SSL", kafka_ca=certificates.ca, redis="rediss://localhost/0", redis_ca=certificates.ca)
    settings = load_settings()
    context = kafka_arguments(settings)["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
    connection: Any = RedisStore(settings.redis, **redis_arguments(settings))._pool.make_connection()
    assert connection.ssl_context.check_hostname
    assert connection.ssl_context.cert_reqs.name == "CERT_REQUIRED"
