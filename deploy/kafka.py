"""Apache Kafka for tests on one machine: fetched from Maven Central, run as one KRaft broker.

`python -m deploy.kafka fetch` needs Java 17 or newer and Maven. The jars are kept outside the source tree, in
$SLUICEGATE_CACHE or ~/.cache/sluicegate.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from deploy.processes import HOST, Service, ServiceError, free_port

VERSION = "4.2.0"
HOW_TO = "`make kafka` fetches it (Java 17+ and Maven needed)"
START_SECONDS = 60.0
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


def start_kafka(work: Path) -> tuple[Service, str]:
    """Start one broker with its files in `work`; returns it and its `host:port`.

    Raises:
        ServiceError: the jars are not there, or the broker does not answer.
    """
    if not fetched():
        raise ServiceError(f"Apache Kafka is not here: {HOW_TO}")
    work.mkdir(parents=True, exist_ok=True)
    port, controller = free_port(), free_port()
    configuration = work / "server.properties"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": work / "log",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,
        "auto.create.topics.enable": "false",
    }
    configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    java = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{folder()}/*"]
    cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    storage = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(configuration)]
    formatted = subprocess.run([*java, *storage], capture_output=True, text=True, check=False)
    if formatted.returncode:
        raise ServiceError(f"Apache Kafka's storage could not be formatted: {formatted.stderr[-1000:]}")
    service = Service.start("kafka", [*java, "kafka.Kafka", str(configuration)], work)
    service.wait_for_port(port, START_SECONDS)
    return service, f"{HOST}:{port}"


if __name__ == "__main__":
    if sys.argv[1:] != ["fetch"]:
        raise SystemExit("usage: python -m deploy.kafka fetch")
    try:
        print(f"Apache Kafka {VERSION} is in {fetch()}")
    except ServiceError as problem:
        raise SystemExit(f"sluicegate: {problem}") from None
