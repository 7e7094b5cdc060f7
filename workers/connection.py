"""How the settings' security turns into each client library's own arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.settings import Settings
from workers.tls import tls_context

if TYPE_CHECKING:
    import ssl


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.kafka_protocol.endswith("SSL"):
        return None
    return tls_context(settings.kafka_ca, settings.kafka_cert, settings.kafka_key)


def _password(settings: Settings) -> str | None:
    return settings.kafka_password.get_secret_value() if settings.kafka_password else None


def security_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for aiokafka's and kafka-python's clients alike: TLS and SASL."""
    arguments: dict[str, Any] = {"security_protocol": settings.kafka_protocol, "ssl_context": _tls(settings)}
    if settings.kafka_protocol.startswith("SASL"):
        arguments |= {
            "sasl_mechanism": settings.kafka_mechanism,
            "sasl_plain_username": settings.kafka_user,
            "sasl_plain_password": _password(settings),
        }
    return arguments


def kafka_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for these clients: the brokers, TLS and SASL."""
    return {"bootstrap_servers": settings.brokers, **security_arguments(settings)}


def faust_credentials(settings: Settings) -> Any:
    """Faust's credentials object, or None for a plain listener."""
    from faust.auth import SASLCredentials, SSLCredentials

    tls = _tls(settings)
    if settings.kafka_protocol.startswith("SASL"):
        return SASLCredentials(
            username=settings.kafka_user,
            password=_password(settings),
            mechanism=settings.kafka_mechanism,
            ssl_context=tls,
        )
    return SSLCredentials(context=tls) if tls else None


def redis_arguments(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for redis-py's `from_url`."""
    arguments: dict[str, Any] = {}
    if settings.redis_password:
        arguments["password"] = settings.redis_password.get_secret_value()
    if settings.redis_ca:
        arguments["ssl_ca_certs"] = str(settings.redis_ca)
    return arguments
