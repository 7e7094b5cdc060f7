"""The rights that `python -m deploy.acls` prints, as the broker knows them."""

from __future__ import annotations

import shlex
import subprocess
import sys

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

from deploy import acls


def printed_commands() -> list[str]:
    """What `python -m deploy.acls` prints, as lines."""
    command = [sys.executable, "-m", "deploy.acls"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def as_acls(command: str) -> list[ACL]:
    """What `kafka-acls.sh` makes of a command: a list entry for each operation."""
    words = shlex.split(command)
    assert words[:6] == shlex.split(acls.SHELL), command
    given: dict[str, list[str]] = {}
    for option, value in zip(words[6::2], words[7::2], strict=True):
        given.setdefault(option, []).append(value)
    (principal,) = given.pop("--allow-principal")
    (pattern,) = given.pop("--resource-pattern-type", ["literal"])
    operations = given.pop("--operation")
    ((option, (name,)),) = given.items()
    kind = ResourceType[option.removeprefix("--").replace("-", "_").upper()]
    resource = ResourcePattern(kind, name, ACLResourcePatternType[pattern.upper()])
    spelt = {"Read": "READ", "Write": "WRITE", "Create": "CREATE", "Describe": "DESCRIBE"}
    spelt["DescribeConfigs"] = "DESCRIBE_CONFIGS"
    return [ACL(principal, "*", ACLOperation[spelt[each]], ACLPermissionType.ALLOW, resource) for each in operations]
