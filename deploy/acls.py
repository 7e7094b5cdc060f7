"""The least rights on Kafka that each party to Sluicegate needs, printed as commands for `kafka-acls.sh`.

`python -m deploy.acls > acls.sh`, look it through, then `BOOTSTRAP=broker:9093 CONFIG=admin.properties sh acls.sh`.
The brokers need an authorizer (StandardAuthorizer) and `allow.everyone.if.no.acl.found=false`.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import NamedTuple

POSTS = "posts"
VERDICTS = ("posts.allow", "posts.flag", "posts.block")
DEAD = "posts.dead"
CAMPAIGNS = "posts.campaigns"
REPLAY = "sluicegate-dead-replay"
SHELL = 'kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$CONFIG" --add'


class Grant(NamedTuple):
    """What a principal may do: `kind` is Kafka's resource (topic, group, transactional-id), `name` the resource's.

    A prefixed grant is for every resource whose name begins with `name`. Read and Write each imply Describe.
    """

    principal: str
    operations: tuple[str, ...]
    kind: str
    name: str
    prefixed: bool = False

    @property
    def command(self) -> str:
        """A line for the shell that makes it."""
        words = ["--allow-principal", self.principal]
        for operation in self.operations:
            words += ["--operation", operation]
        words += [f"--{self.kind}", self.name]
        if self.prefixed:
            words += ["--resource-pattern-type", "prefixed"]
        return f"{SHELL} {shlex.join(words)}"


def worker(principal: str, group: str) -> list[Grant]:
    """A worker reads posts in its group and writes what became of them, in transactions of its own names."""
    return [
        Grant(principal, ("Read",), "topic", POSTS),
        Grant(principal, ("Read",), "group", group),
        *(Grant(principal, ("Write",), "topic", name) for name in (*VERDICTS, DEAD, CAMPAIGNS)),
        # A new transactional id at each rebalance; the next owner of a partition takes it over to fence the former.
        Grant(principal, ("Write",), "transactional-id", f"{group}-{POSTS}-", prefixed=True),
    ]


def platform(principal: str, group: str) -> list[Grant]:
    """The platform sends posts and learns what was decided."""
    return [
        Grant(principal, ("Write",), "topic", POSTS),
        *(Grant(principal, ("Read",), "topic", name) for name in VERDICTS),
        Grant(principal, ("Read",), "group", group),
    ]


def trust_and_safety(principal: str, group: str) -> list[Grant]:
    """Trust-and-safety reads what was flagged, blocked or could not be decided, and campaigns; it sends no posts."""
    return [
        *(Grant(principal, ("Read",), "topic", name) for name in ("posts.flag", "posts.block", DEAD, CAMPAIGNS)),
        Grant(principal, ("Read",), "group", group),
    ]


def operator(principal: str) -> list[Grant]:
    """An operator creates and checks the topics (`sluicegate topics`) and replays dead letters (`sluicegate dead`)."""
    return [
        *(
            Grant(principal, ("Create", "Describe", "DescribeConfigs"), "topic", name)
            for name in (POSTS, *VERDICTS, DEAD, CAMPAIGNS)
        ),
        # A replay sends the letter to posts and notes on posts.dead that it did, in one transaction.
        Grant(principal, ("Read", "Write"), "topic", DEAD),
        Grant(principal, ("Write",), "topic", POSTS),
        Grant(principal, ("Write",), "transactional-id", REPLAY),
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the commands for the principals and groups that were named."""
    parser = argparse.ArgumentParser(prog="python -m deploy.acls", description=__doc__.splitlines()[0])
    for party in ("worker", "platform", "trust-and-safety", "operator"):
        parser.add_argument(f"--{party}", default=f"User:{party}", metavar="PRINCIPAL", help="[default: %(default)s]")
    for party, name in (("", "sluicegate"), ("platform-", "platform"), ("trust-and-safety-", "trust-and-safety")):
        parser.add_argument(f"--{party}group", default=name, metavar="GROUP", help="[default: %(default)s]")
    chosen = parser.parse_args(arguments)
    for grants in (
        worker(chosen.worker, chosen.group),
        platform(chosen.platform, chosen.platform_group),
        trust_and_safety(chosen.trust_and_safety, chosen.trust_and_safety_group),
        operator(chosen.operator),
    ):
        for grant in grants:
            print(grant.command)


if __name__ == "__main__":
    main()
