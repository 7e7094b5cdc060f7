"""Creates and checks the topics of the catalog on a Kafka cluster. It never deletes or alters anything."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError, for_code
from msgspec import Struct

from topics.catalog import CAMPAIGNS, OUTPUTS, POSTS, TOPICS
from topics.connecting import connecting

CONNECT_SECONDS: Final = 5
_NO_ERROR: Final = 0
_UNKNOWN_TOPIC: Final = 3
_ALREADY_EXISTS: Final = 36


class AdminError(Exception):
    """The cluster cannot be reached or refuses; the text is one line for the person at the terminal."""


class TopicState(Struct, frozen=True):
    """A topic as the cluster reports it; `configs`: those of the catalog's that it tells."""

    name: str
    partitions: int
    replication: int
    configs: dict[str, str]


class Check(Struct, frozen=True):
    """What `check` found: `differences` are wrong, `unknown` is what the cluster does not tell."""

    differences: list[str]
    unknown: list[str]


class TopicAdmin:
    """A connection to a cluster for the topics of the catalog; use it in a `with` statement.

    `brokers` is `host:port`, several with commas. `connection` holds further keyword arguments for
    kafka-python's client, such as those for TLS and SASL.

    Raises AdminError, from here and from every method, when the cluster cannot be reached or refuses.
    """

    def __init__(self, brokers: str, connection: Mapping[str, Any] = MappingProxyType({})) -> None:
        arguments = {"client_id": "sluicegate-topics", "bootstrap_timeout_ms": CONNECT_SECONDS * 1_000}
        with connecting(brokers, AdminError):
            self._client = KafkaAdminClient(bootstrap_servers=brokers.split(","), **{**arguments, **connection})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def describe(self) -> dict[str, TopicState]:
        """The catalog's topics that exist, by name, in the catalog's order."""
        present = self._present()
        configs = self._configs(list(present))
        return {
            name: TopicState(
                name=name,
                partitions=len(partitions),
                replication=min(len(partition["replica_nodes"]) for partition in partitions),
                configs=configs.get(name, {}),
            )
            for name, partitions in present.items()
        }

    def create(self, partitions: int | None = None, replication: int = -1) -> list[str]:
        """Create the topics that are missing and wait until they can be used; returns their names.

        `partitions` is for `posts` and all outputs (the catalog's number if None); where `posts` exists,
        outputs get as many as it has. `replication` -1 is the cluster's default.
        """
        present = self._present()
        count = len(present[POSTS.name]) if POSTS.name in present else partitions or POSTS.partitions
        wanted = {
            topic.name: {
                "num_partitions": topic.partitions if topic is CAMPAIGNS else count,
                "replication_factor": replication,
                "configs": topic.configs,
            }
            for topic in TOPICS
            if topic.name not in present
        }
        if not wanted:
            return []
        try:
            answer = self._client.create_topics(wanted, raise_errors=False)
        except KafkaError as error:
            raise AdminError(f"the cluster does not create topics: {error}") from error
        created = []
        for topic in answer["topics"]:
            if topic["error_code"] == _NO_ERROR:
                created.append(topic["name"])
            elif topic["error_code"] != _ALREADY_EXISTS:
                why = topic.get("error_message") or for_code(topic["error_code"]).__name__
                raise AdminError(f"{topic['name']} could not be created: {why}")
        try:
            self._client.wait_for_topics(list(wanted))
        except KafkaError as error:
            raise AdminError(f"the topics were created but are not ready: {error}") from error
        return created

    def check(self, partitions: int | None = None) -> Check:
        """How the cluster's topics differ from the catalog's.

        `partitions` is how many `posts` should have at least (the catalog's number if None). More than that
        is no difference: partitions may be added as the platform grows.
        """
        present = self.describe()
        differences = [f"{topic.name} is missing" for topic in TOPICS if topic.name not in present]
        unknown = []
        least = partitions or POSTS.partitions
        if POSTS.name in present:
            source = present[POSTS.name].partitions
            if source < least:
                differences.append(f"{POSTS.name} has {source} partitions, fewer than {least}")
            least = source
        for topic in OUTPUTS:
            if topic.name in present and present[topic.name].partitions < least:
                count = present[topic.name].partitions
                differences.append(f"{topic.name} has {count} partitions, fewer than the {least} of {POSTS.name}")
        for topic in TOPICS:
            if topic.name not in present:
                continue
            reported = present[topic.name].configs
            for key, declared in topic.configs.items():
                if key not in reported:
                    unknown.append(f"{topic.name}: the broker does not report {key}")
                elif reported[key] != declared:
                    differences.append(f"{topic.name} has {key}={reported[key]}, declared is {declared}")
        return Check(differences, unknown)

    def _present(self) -> dict[str, list[dict[str, Any]]]:
        """The partitions of the catalog's topics that exist, by name, in the catalog's order."""
        names = [topic.name for topic in TOPICS]
        try:
            answer = {topic["name"]: topic for topic in self._client.describe_topics(names)}
        except KafkaError as error:
            raise AdminError(f"the cluster does not describe its topics: {error}") from error
        present = {}
        for name in names:
            code = answer[name]["error_code"]
            if code == _NO_ERROR:
                present[name] = answer[name]["partitions"]
            elif code != _UNKNOWN_TOPIC:
                raise AdminError(f"the cluster does not describe {name}: {for_code(code).__name__}")
        return present

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        """The configs that the catalog declares, by topic, as far as the cluster reports them."""
        # All are asked for: the embedded broker hangs up when asked for some by name.
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        try:
            reported = self._client.describe_configs(resources, config_filter="all").get("topic", {})
        except KafkaError as error:
            raise AdminError(f"the cluster does not describe its topics' configs: {error}") from error
        return {
            topic.name: {
                key: reported[topic.name][key]["value"] for key in topic.configs if key in reported.get(topic.name, {})
            }
            for topic in TOPICS
        }
