"""Apache Kafka for tests on one machine: fetched from Maven Central, run as KRaft brokers that are controllers too.

`python -m deploy.kafka fetch` needs Java 17 or newer and Maven. The jars are kept outside the source tree, in
$SLUICEGATE_CACHE or ~/.cache/sluicegate. SLUICEGATE_KAFKA_VERSION chooses another release.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from deploy.processes import HOST, Service, ServiceError, free_port

VERSION = os.environ.get("SLUICEGATE_KAFKA_VERSION", "4.2.0")
HOW_TO = "`make kafka` fetches it (Java 17+ and Maven needed)"
START_SECONDS = 90.0
NOTHING: Mapping[str, object] = MappingProxyType({})
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sluicegate</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies><dependency>
    <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version>
  </dependency></dependencies>
</project>
"""


def folder() -> Path:
    """Where the jars are or would be."""
    cache = os.environ.get("SLUICEGATE_CACHE") or Path.home() / ".cache" / "sluicegate"
    return Path(cache) / f"kafka-{VERSION}"


def fetched() -> bool:
    """True when the jars are there and a Java can run them."""
    return (folder() / "complete").exists() and shutil.which("java") is not None


def fetch() -> Path:
    """Fetch the broker's jars unless they are there.

    Raises:
        ServiceError: no Maven, or it could not fetch them.
    """
    target = folder()
    if (target / "complete").exists():
        return target
    maven = shutil.which("mvn")
    if maven is None or shutil.which("java") is None:
        raise ServiceError("Apache Kafka needs Java 17+ and Maven: install both (java and mvn on the PATH)")
    with tempfile.TemporaryDirectory() as work:
        (Path(work) / "pom.xml").write_text(POM.format(version=VERSION))
        command = [maven, "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceError(f"Maven could not fetch Apache Kafka {VERSION}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
    (target / "complete").touch()
    return target


class Node:
    """One broker: its ports and files stay the same over restarts.

    Attributes:
        number: its node id, from 1.
        port: of the listener that brokers and clients use.
        fronted_port: of a second listener, which tells its clients to come through the front port; 0 without one.
    """

    def __init__(self, number: int, work: Path, front: int = 0) -> None:
        self.number = number
        self.port, self.controller_port = free_port(), free_port()
        self.fronted_port = free_port() if front else 0
        self.front = front
        self._work = work
        self._configuration = work / "server.properties"
        self._service: Service | None = None

    def configure(self, voters: str, settings: Mapping[str, object]) -> None:
        """Write its server.properties."""
        listeners = {"PLAINTEXT": (self.port, self.port)}
        if self.front:
            listeners["FRONTED"] = (self.fronted_port, self.front)
        own = {
            "process.roles": "broker,controller",
            "node.id": self.number,
            "controller.quorum.voters": voters,
            "listeners": _listeners(
                {**{name: own for name, (own, _) in listeners.items()}, "CONTROLLER": self.controller_port}
            ),
            "advertised.listeners": _listeners({name: told for name, (_, told) in listeners.items()}),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,FRONTED:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self._work / "log",
        }
        self._work.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text("".join(f"{name}={value}\n" for name, value in {**own, **settings}.items()))

    def format(self, java: Sequence[str], cluster: str) -> subprocess.Popen[str]:
        """Begin to format its storage; the process ends with 0 when that is done."""
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(self._configuration)]
        return subprocess.Popen([*java, *tool], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    @property
    def service(self) -> Service:
        """Its process. Raises ServiceError before it was launched."""
        if self._service is None:
            raise ServiceError(f"broker {self.number} was not started")
        return self._service

    @property
    def started(self) -> bool:
        """True once it was launched, whatever became of it."""
        return self._service is not None

    def launch(self, java: Sequence[str]) -> None:
        """Start its process; `wait` returns when it answers."""
        self._service = Service.start("kafka", [*java, "kafka.Kafka", str(self._configuration)], self._work)

    def wait(self) -> None:
        """Return when it answers; raises ServiceError when it does not."""
        self.service.wait_for_port(self.port, START_SECONDS)


class Cluster:
    """Brokers on this machine, with one address for all.

    work: folder of their files. brokers: how many; with three or more everything is kept three times and a write
        needs two. fronts: a port for each broker that clients of `fronted` are told to come through (a proxy's).
    settings: more of server.properties, for every broker.
    heap: megabytes for each.

    Raises:
        ServiceError: the jars are not there.
    """

    def __init__(
        self,
        work: Path,
        brokers: int = 1,
        fronts: Sequence[int] = (),
        settings: Mapping[str, object] = NOTHING,
        heap: int = 384,
    ) -> None:
        if not fetched():
            raise ServiceError(f"Apache Kafka is not here: {HOW_TO}")
        self._java = [
            "java",
            f"-Xmx{heap}m",
            "-XX:+UseSerialGC",
            # A broker of a test lives too briefly to be worth the second compiler.
            "-XX:TieredStopAtLevel=1",
            *("-cp", f"{folder()}/*"),
        ]
        copies = min(3, brokers)
        common = {
            "default.replication.factor": copies,
            "min.insync.replicas": max(1, copies - 1),
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": max(1, copies - 1),
            "transaction.state.log.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 0,
            "auto.create.topics.enable": "false",
            **settings,
        }
        numbers = range(1, brokers + 1)
        places = [work if brokers == 1 else work / f"broker-{number}" for number in numbers]
        self.nodes = [
            Node(number, place, front)
            for number, place, front in zip(numbers, places, fronts or [0] * brokers, strict=True)
        ]
        voters = ",".join(f"{node.number}@{HOST}:{node.controller_port}" for node in self.nodes)
        for node in self.nodes:
            node.configure(voters, common)

    @property
    def address(self) -> str:
        """`host:port` of every broker, with commas."""
        return ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    @property
    def fronted(self) -> str:
        """The front addresses of every broker, with commas."""
        return ",".join(f"{HOST}:{node.front}" for node in self.nodes)

    def start(self) -> None:
        """Format the storage and start every broker. Raises ServiceError when one does not answer."""
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        for formatting in [node.format(self._java, cluster) for node in self.nodes]:
            said, _ = formatting.communicate()
            if formatting.returncode:
                raise ServiceError(f"Apache Kafka's storage could not be formatted: {said[-1000:]}")
        self._launch(self.nodes)

    def kill(self, number: int) -> None:
        """End a broker by SIGKILL."""
        service = self.nodes[number - 1].service
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()

    def revive(self, number: int) -> None:
        """Start a broker that was killed, on its own files and ports. Raises ServiceError when it does not answer."""
        self._launch([self.nodes[number - 1]])

    def restart(self) -> None:
        """End all brokers as an operator would, and start them again. Raises ServiceError when one does not answer."""
        self.stop(20)
        self._launch(self.nodes)

    def stop(self, seconds: float = 10) -> None:
        """End all brokers, by SIGKILL those that have not gone after `seconds`."""
        started = [node for node in self.nodes if node.started]
        for node in started:
            node.service.ask_to_stop()
        for node in started:
            node.service.stop(seconds)

    def _launch(self, nodes: Sequence[Node]) -> None:
        for node in nodes:
            node.launch(self._java)
        for node in nodes:
            node.wait()


def _listeners(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())


def start_kafka(work: Path) -> tuple[Service, str]:
    """Start one broker with its files in `work`; returns it and its `host:port`.

    Raises:
        ServiceError: the jars are not there, or the broker does not answer.
    """
    cluster = Cluster(work)
    cluster.start()
    return cluster.nodes[0].service, cluster.address


if __name__ == "__main__":
    if sys.argv[1:] != ["fetch"]:
        raise SystemExit("usage: python -m deploy.kafka fetch")
    try:
        print(f"Apache Kafka {VERSION} is in {fetch()}")
    except ServiceError as problem:
        raise SystemExit(f"sluicegate: {problem}") from None
