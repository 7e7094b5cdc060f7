"""When what is broken: faults at random moments out of a seed, in lanes that run beside each other."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Fault(NamedTuple):
    """Something to break; `after` is the share of a phase's posts that have been sent when it happens."""

    after: float
    name: str


@dataclass(frozen=True)
class Phase:
    """A part of a run. A lane's faults come one after another; lanes do not wait for each other.

    share: of the run's posts.
    """

    name: str
    share: float
    lanes: tuple[tuple[str, ...], ...]
    counters_fail: bool = False

    def schedule(self, seed: int) -> list[list[Fault]]:
        """Each lane's faults in the order of their moments."""
        chance = random.Random(f"{seed}:{self.name}")
        return [_moments(lane, chance) for lane in self.lanes]


def _moments(lane: Sequence[str], chance: random.Random) -> list[Fault]:
    """The faults shuffled; each at a random moment within its own part of the first nine tenths."""
    names = list(lane)
    chance.shuffle(names)
    part = 0.9 / max(1, len(names))
    return [Fault((at + chance.random()) * part, name) for at, name in enumerate(names)]


FULL = (
    Phase(
        "workers and brokers fail",
        0.6,
        (
            ("kill",) * 12 + ("pause",) * 3 + ("join", "leave") * 3 + ("upgrade",),
            ("broker",) * 3 + ("brokers",) + ("cut brokers",) * 3,
        ),
    ),
    Phase(
        "counters fail too",
        0.4,
        (
            ("kill",) * 8 + ("pause",) * 2 + ("join", "leave"),
            ("valkey",) * 3 + ("slow valkey",) * 2 + ("full valkey",) * 2 + ("cut valkey",) * 3,
        ),
        counters_fail=True,
    ),
)
"""20 kills and 5 pauses of workers, joins and leaves, an upgrade, 3 brokers killed and all restarted, and Valkey."""

SHORT = (
    Phase(
        "workers and brokers fail",
        0.6,
        (("kill", "kill", "pause", "join", "upgrade"), ("broker", "cut brokers")),
    ),
    Phase(
        "counters fail too",
        0.4,
        (("kill", "leave"), ("valkey", "slow valkey", "full valkey", "cut valkey"), ("brokers",)),
        counters_fail=True,
    ),
)
"""One of every kind."""
