"""Services that tests share. Each is started on a free port when first asked for, and ended with the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import kafka
from deploy.embedded import start_broker, start_valkey


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of an embedded broker."""
    service, address = start_broker(tmp_path_factory.mktemp("broker"))
    yield address
    service.stop()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`redis://` URL of an embedded Valkey."""
    service, url = start_valkey(tmp_path_factory.mktemp("valkey"))
    yield url
    service.stop()


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def fresh_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """`host:port` of a broker of the test's own: first the embedded one, then Apache Kafka where it was fetched."""
    if request.param == "kafka" and not kafka.fetched():
        pytest.skip(f"needs Apache Kafka: {kafka.HOW_TO}")
    start = start_broker if request.param == "embedded" else kafka.start_kafka
    service, address = start(tmp_path)
    yield address
    service.stop(10)
