"""What a worker is told by its environment: variables `SLUICEGATE_*`, checked when it starts."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from workers.tls import tls_context

PREFIX = "SLUICEGATE_"
# Words of redis-py in a URL that could turn the checks of TLS off.
UNCHECKED = {"ssl_cert_reqs", "ssl_check_hostname"}


class SettingsError(ValueError):
    """Some variables are wrong; the text has one line for each."""


class Settings(BaseSettings):
    """Settings of a worker. A secret may be given as a file instead: NAME_FILE holds its path."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True)

    kafka: str = Field("localhost:9092", description="Kafka brokers, host:port, several with commas")
    group: str = Field("sluicegate", min_length=1, description="consumer group; also in the name of every key in Redis")
    delivery: Literal["exactly_once", "at_least_once"] = Field(
        "exactly_once", description="exactly_once needs a broker with transactions, such as Apache Kafka"
    )
    kafka_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="security protocol of the Kafka listeners"
    )
    kafka_ca: Path | None = Field(None, description="PEM file of the authority that signed the brokers' certificates")
    kafka_cert: Path | None = Field(None, description="PEM file of the client's certificate (mutual TLS)")
    kafka_key: Path | None = Field(None, description="PEM file of the client's private key")
    kafka_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, with a SASL_* protocol"
    )
    kafka_user: str | None = Field(None, description="SASL user")
    kafka_password: SecretStr | None = Field(None, description="SASL password (or SLUICEGATE_KAFKA_PASSWORD_FILE)")

    # A password may stand in the URL, so it is not shown.
    redis: str = Field(
        "redis://localhost:6379/0", repr=False, description="Redis or Valkey, redis:// or rediss:// (TLS)"
    )
    redis_password: SecretStr | None = Field(None, description="its password (or SLUICEGATE_REDIS_PASSWORD_FILE)")
    redis_ca: Path | None = Field(None, description="PEM file of the authority that signed its certificate")
    redis_namespace: str = Field("sluicegate", min_length=1, description="prefix of every key in it")
    redis_timeout_ms: int = Field(500, ge=10, le=60_000, description="longest wait for the counters, milliseconds")

    policy: Path | None = Field(None, description="policy file; the shipped default policy without it")
    earlier_policy: Path | None = Field(
        None, description="the policy before an upgrade: what it judged and is delivered again, it judges again"
    )
    campaign_accounts: int = Field(5, ge=2, le=1_000_000, description="from how many accounts on a campaign is told")
    campaign_hours: int = Field(6, ge=1, le=24 * 30, description="how far apart the posts of a campaign may lie, hours")
    models: Path | None = Field(None, description="folder of models; the shipped models without it")

    batch_posts: int = Field(4_000, ge=1, le=100_000, description="most posts in one batch")
    batch_bytes: int = Field(1 << 20, ge=1 << 12, le=1 << 28, description="most bytes in one batch, a partition")
    fetch_wait_ms: int = Field(
        50, ge=1, le=60_000, description="longest wait of a fetch for its first byte, milliseconds"
    )
    session_seconds: float = Field(10.0, ge=1, le=300, description="silence after which a worker loses its partitions")

    host: str = Field("127.0.0.1", description="address that the metrics and web ports bind to")
    metrics_port: int = Field(
        9464, ge=0, le=65_535, description="port of the Prometheus metrics, /livez and /readyz; 0 turns it off"
    )
    web_port: int = Field(6066, ge=1, le=65_535, description="port of Faust's web page")
    traces: str | None = Field(
        None, pattern=r"^https?://", description="URL for spans, OTLP over HTTP: http://collector:4318/v1/traces"
    )
    state_dir: Path = Field(Path(".sluicegate-data"), description="folder for Faust's own small state")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")

    @field_validator("kafka")
    @classmethod
    def _brokers(cls, value: str) -> str:
        for broker in value.split(","):
            host, _, port = broker.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"{broker.strip()!r} is not host:port")
        return value

    @field_validator("group", "redis_namespace")
    @classmethod
    def _no_braces(cls, value: str) -> str:
        # Both are in the names of Redis' keys, where braces hold what a key's place on a cluster depends on.
        if set(value) & set("{}"):
            raise ValueError("must have no braces in it")
        return value

    @field_validator("redis")
    @classmethod
    def _redis(cls, value: str) -> str:
        if not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        try:
            parts = urlsplit(value)
            parts.port  # noqa: B018 (reading it checks it)
        except ValueError:
            # The library's own error tells the wrong part, which may be one of a password.
            raise ValueError(
                f"no URL such as rediss://host:6379/0; a password belongs in {PREFIX}REDIS_PASSWORD"
            ) from None
        if UNCHECKED & parse_qs(parts.query).keys():
            raise ValueError(f"certificate and host name are always checked: no {' or '.join(sorted(UNCHECKED))}")
        return value

    @field_validator("policy", "earlier_policy", "models", "kafka_ca", "kafka_cert", "kafka_key", "redis_ca")
    @classmethod
    def _exists(cls, value: Path | None) -> Path | None:
        try:
            missing = value is not None and not value.exists()
        except OSError:  # a name that no file system takes
            missing = True
        if missing:
            raise ValueError(f"no such file: {value}")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        tls, sasl = self.kafka_protocol.endswith("SSL"), self.kafka_protocol.startswith("SASL")
        if sasl and not (self.kafka_user and self.kafka_password):
            raise ValueError(f"{PREFIX}KAFKA_USER and {PREFIX}KAFKA_PASSWORD are needed with {self.kafka_protocol}")
        if not sasl and (self.kafka_user or self.kafka_password):
            raise ValueError(f"{PREFIX}KAFKA_USER and {PREFIX}KAFKA_PASSWORD need {PREFIX}KAFKA_PROTOCOL=SASL_SSL")
        if (self.kafka_cert is None) != (self.kafka_key is None):
            raise ValueError(f"{PREFIX}KAFKA_CERT and {PREFIX}KAFKA_KEY go together")
        # Who names an authority wants TLS: going on in the clear would be a silent mistake.
        if not tls and (self.kafka_ca or self.kafka_cert):
            raise ValueError(f"{PREFIX}KAFKA_CA and {PREFIX}KAFKA_CERT need {PREFIX}KAFKA_PROTOCOL=SSL or SASL_SSL")
        if self.redis_ca and not self.redis.startswith("rediss://"):
            raise ValueError(f"{PREFIX}REDIS_CA needs a {PREFIX}REDIS that begins with rediss://")
        if tls:
            tls_context(self.kafka_ca, self.kafka_cert, self.kafka_key)
        if self.redis_ca:
            tls_context(self.redis_ca)
        return self

    @property
    def brokers(self) -> list[str]:
        """The brokers as a list of `host:port`."""
        return [broker.strip() for broker in self.kafka.split(",")]


SECRET_FILES = ("KAFKA_PASSWORD", "REDIS_PASSWORD")
# Variables of the same prefix that the tests read: the folder of real text, where Apache Kafka is kept, its release.
ELSEWHERE = {"DATA", "CACHE", "KAFKA_VERSION"}


def _given() -> dict[str, str]:
    """Variables of the environment that are ours, without the prefix."""
    return {name.removeprefix(PREFIX): value for name, value in os.environ.items() if name.startswith(PREFIX)}


def _secrets_from_files() -> dict[str, str]:
    given, read = _given(), dict[str, str]()
    for name in SECRET_FILES:
        path = given.get(f"{name}_FILE")
        if path is None:
            continue
        try:
            read[name.lower()] = Path(path).read_text("utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{PREFIX}{name}_FILE: {error.strerror}: {path}") from error
        except UnicodeDecodeError:
            raise SettingsError(f"{PREFIX}{name}_FILE: no text in UTF-8: {path}") from None
    return read


def _unknown() -> list[str]:
    known = {name.upper() for name in Settings.model_fields} | {f"{name}_FILE" for name in SECRET_FILES} | ELSEWHERE
    lines = []
    for name in sorted(_given().keys() - known):
        # The prefix that all have makes none of them alike.
        near = difflib.get_close_matches(name, known, 1)
        lines.append(f"{PREFIX}{name}: no such setting" + (f"; did you mean {PREFIX}{near[0]}?" if near else ""))
    return lines


def _unreadable() -> list[str]:
    lines = []
    for name, value in sorted(_given().items()):
        if name in ELSEWHERE:
            continue
        # An empty path would be the folder that the worker runs in.
        if not value.strip():
            lines.append(f"{PREFIX}{name}: is empty; give it a value, or unset it")
        try:
            value.encode()
        except UnicodeEncodeError:
            lines.append(f"{PREFIX}{name}: no text in UTF-8")
    return lines


def load_settings(**given: str) -> Settings:
    """Settings from the process's environment; those that are given stand above it.

    Raises:
        SettingsError: one line for each variable that is wrong or unknown.
    """
    wrong = _unknown()
    # The library stumbles over them or takes them for something else, so they are told alone.
    if unreadable := _unreadable():
        raise SettingsError("\n".join([*wrong, *unreadable]))
    try:
        settings = Settings(**_secrets_from_files(), **given)  # type: ignore[arg-type]
    except ValidationError as error:
        for item in error.errors():
            where = f"{PREFIX}{str(item['loc'][0]).upper()}: " if item["loc"] else ""
            wrong.append(where + str(item["msg"]).removeprefix("Value error, "))
    if wrong:
        raise SettingsError("\n".join(wrong))
    return settings
