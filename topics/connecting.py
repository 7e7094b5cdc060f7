"""What is told when a client of kafka-python finds no brokers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kafka.errors import KafkaError, KafkaTimeoutError


@contextmanager
def connecting(brokers: str, told: type[Exception]) -> Iterator[None]:
    """Connect inside. Raises `told`, with one line for the person at the terminal, where that cannot be done."""
    try:
        yield
    except KafkaTimeoutError as error:
        raise told(
            f"no Kafka broker answers at {brokers}: check the address, that the broker runs, and the settings for TLS "
            "and SASL"
        ) from error
    except (KafkaError, OSError, ValueError) as error:
        raise told(f"no connection to Kafka at {brokers}: {error}") from error
