"""The checker finds what is planted in a run that is otherwise clean. No broker is needed: records are made here."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from chaos.check import Check, Record, Verdict
from chaos.naive import AUTHOR, DEVICE, TARGET, WINDOWS, key_of

NOW = 1_790_000_000_000
BAD = b"no post"
KINDS = ("post", "comment", "post", "repost")
BLOCKS_FROM = 5


@dataclass
class Run:
    """What a worker without faults would have left behind, written down anew for this test."""

    posts: list[Record] = field(default_factory=list)
    outputs: list[Record] = field(default_factory=list)
    stored: dict[str, dict[bytes, bytearray]] = field(default_factory=lambda: defaultdict(dict))

    def check(self, **options: Any) -> Verdict:
        return Check(self.posts, self.outputs, frozenset({BAD}), **options).run(self.stored)

    def of(self, topic: str) -> list[int]:
        return [at for at, record in enumerate(self.outputs) if record.topic == topic]

    def write(self, topic: str, partition: int, key: bytes, value: bytes, headers: Any = ()) -> None:
        offset = sum((record.topic, record.partition) == (topic, partition) for record in self.outputs)
        self.outputs.append(Record(topic, partition, offset, NOW + 5_000, key, value, headers))

    def count(self, identity: str, text: str, time: int) -> None:
        pane, key = time * 6 // WINDOWS[identity], key_of(text)
        name = f"{identity}:w{pane // 12}"
        self.stored[name][b"lives since"] = bytearray(65)
        value = self.stored[name].setdefault(struct.pack("<Q", key), bytearray())
        if not value or value[-1] != pane % 12:
            value += struct.pack("<IB", 0, pane % 12)
        add(value, 1)


def add(value: bytearray, posts: int) -> None:
    """Add to the last pane of a stored count."""
    struct.pack_into("<I", value, len(value) - 5, struct.unpack_from("<I", value, len(value) - 5)[0] + posts)


def post(number: int) -> dict[str, Any]:
    author = number % 7
    return {
        "id": f"p{number}",
        "text": "x",
        "author": {"id": f"a{author}"},
        "created_at": NOW + number * 1_000,
        "kind": KINDS[number % 4],
        "device": f"d{number % 3}",
    }


@pytest.fixture
def run() -> Run:
    made, seen = Run(), defaultdict(int)
    for number in range(100):
        partition = number % 7 % 2
        offset = sum(record.partition == partition for record in made.posts)
        sent = post(number)
        key = sent["author"]["id"].encode()
        value = BAD if number % 20 == 3 else json.dumps(sent).encode()
        # The last ones came before they were written: their time is that of their coming.
        came = NOW + min(number, 90) * 1_000
        made.posts.append(Record("posts", partition, offset, came, key, value))
        if value == BAD:
            source = {"source_partition": b"%d" % partition, "source_offset": b"%d" % offset}
            made.write("posts.dead", partition, key, value, tuple(source.items()))
            continue
        seen[key] += 1
        reading, kind = seen[key], sent["kind"]
        verdict = "allow"
        if kind == "post" and reading >= BLOCKS_FROM:
            verdict = "block"
        elif kind == "comment" and reading >= 2:
            verdict = "flag"
        decision = {
            "id": sent["id"],
            "author": sent["author"]["id"],
            "verdict": verdict,
            "policy": "chaos-1",
            "source": {"partition": partition, "offset": offset},
            **({} if verdict == "allow" else {"signals": {"author_posts_6h": reading, "kind": kind}}),
        }
        made.write(f"posts.{verdict}", partition, key, json.dumps(decision).encode())
        made.count(AUTHOR, sent["author"]["id"], min(sent["created_at"], came))
        made.count(DEVICE, sent["device"], min(sent["created_at"], came))
    made.stored[f"{TARGET}:w0"] = {}
    return made


def test_a_clean_run_is_clean(run: Run) -> None:
    verdict = run.check()
    assert verdict.findings == []
    assert verdict.figures["posts"] == 100
    assert verdict.figures["dead"] == 5
    assert verdict.figures["readings"] > 10


def test_a_lost_post_is_found(run: Run) -> None:
    del run.outputs[run.of("posts.allow")[3]]
    assert run.check().kinds == {"lost": 1}


def test_a_lost_dead_letter_is_found(run: Run) -> None:
    del run.outputs[run.of("posts.dead")[0]]
    assert run.check().kinds == {"lost": 1}


def test_a_doubled_decision_is_found_and_allowed_where_repeats_are(run: Run) -> None:
    twice = run.outputs[run.of("posts.flag")[2]]
    run.outputs.append(twice._replace(offset=999))
    assert run.check().kinds == {"repeated": 1}
    verdict = run.check(repeats=True)
    assert verdict.findings == []
    assert verdict.figures["repeated"] == 1


def test_a_doubled_dead_letter_is_found(run: Run) -> None:
    run.outputs.append(run.outputs[run.of("posts.dead")[1]]._replace(offset=999))
    assert run.check().kinds == {"repeated": 1}


@pytest.mark.parametrize("repeats", [False, True])
def test_a_conflicting_decision_is_found(run: Run, repeats: bool) -> None:
    flagged = run.outputs[run.of("posts.flag")[2]]
    other = {**json.loads(flagged.value or b""), "verdict": "allow"}
    run.outputs.append(flagged._replace(topic="posts.allow", offset=999, value=json.dumps(other).encode()))
    assert run.check(repeats=repeats).kinds == {"conflicting": 1}


def test_an_author_out_of_order_is_found(run: Run) -> None:
    allowed = run.of("posts.allow")
    first = run.outputs[allowed[0]]
    later = next(at for at in allowed[1:] if run.outputs[at].key == first.key)
    run.outputs[allowed[0]], run.outputs[later] = run.outputs[later], first
    assert run.check().kinds == {"order": 1}


@pytest.mark.parametrize("changed", [{"value": b"no  post"}, {"key": b"another"}, {"value": None}])
def test_an_altered_dead_letter_is_found(run: Run, changed: dict[str, Any]) -> None:
    at = run.of("posts.dead")[2]
    run.outputs[at] = run.outputs[at]._replace(**changed)
    assert run.check().kinds == {"altered": 1}


def test_a_dead_letter_of_a_good_post_is_found(run: Run) -> None:
    at = run.of("posts.allow")[4]
    decided = run.outputs[at]
    source = json.loads(decided.value or b"")["source"]
    sent = next(p for p in run.posts if (p.partition, p.offset) == (source["partition"], source["offset"]))
    headers = tuple((f"source_{name}", b"%d" % number) for name, number in source.items())
    run.outputs[at] = decided._replace(topic="posts.dead", value=sent.value, headers=headers)
    assert run.check().kinds["wrongly dead"] == 1


@pytest.mark.parametrize("off", [-1, 1])
def test_a_reading_that_is_off_by_one_is_found(run: Run, off: int) -> None:
    at = run.of("posts.flag")[2]
    decision = json.loads(run.outputs[at].value or b"")
    decision["signals"]["author_posts_6h"] += off
    run.outputs[at] = run.outputs[at]._replace(value=json.dumps(decision).encode())
    assert run.check().kinds == {"reading": 1}


@pytest.mark.parametrize("identity", [AUTHOR, DEVICE])
@pytest.mark.parametrize("off", [-1, 1])
def test_a_counter_that_is_off_by_one_is_found(run: Run, identity: str, off: int) -> None:
    cells = next(cells for name, cells in run.stored.items() if name.startswith(identity))
    add(next(cell for key, cell in cells.items() if len(key) == 8), off)
    assert run.check().kinds == {"counter": 1}


def test_a_member_that_nobody_sent_is_found(run: Run) -> None:
    run.stored[f"{TARGET}:w0"][struct.pack("<Q", 9)] = bytearray(struct.pack("<QB", 7, 0))
    assert run.check().kinds == {"counter": 1}


def test_a_verdict_that_the_reading_rules_out_is_found(run: Run) -> None:
    at = run.of("posts.block")[0]
    decision = {**json.loads(run.outputs[at].value or b""), "verdict": "allow"}
    run.outputs[at] = run.outputs[at]._replace(topic="posts.allow", value=json.dumps(decision).encode())
    assert run.check().kinds == {"verdict": 1}


def _degrade(run: Run, at: int) -> tuple[int, int]:
    decision = json.loads(run.outputs[at].value or b"")
    decision.pop("signals", None)
    decision |= {"verdict": "allow", "degraded": True}
    run.outputs[at] = run.outputs[at]._replace(topic="posts.allow", value=json.dumps(decision).encode())
    return decision["source"]["partition"], decision["source"]["offset"]


def test_a_degraded_decision_where_nothing_was_broken_is_found(run: Run) -> None:
    _degrade(run, run.of("posts.flag")[-1])
    assert run.check().kinds == {"degraded": 1}


def test_a_degraded_post_may_be_counted_or_not(run: Run) -> None:
    at = run.of("posts.flag")[-1]
    author = run.outputs[at].key
    place = _degrade(run, at)
    faulty = frozenset({place})
    assert run.check(faulty=faulty).findings == []
    assert author is not None
    cells = next(cells for name, cells in run.stored.items() if name.startswith(AUTHOR))
    for value in [cell for key, cell in cells.items() if key == struct.pack("<Q", key_of(author.decode()))]:
        add(value, -1)
    assert "counter" not in run.check(faulty=faulty).kinds


def test_an_answer_to_nothing_and_one_on_another_partition_are_found(run: Run) -> None:
    at, other = run.of("posts.allow")[:2]
    decision = json.loads(run.outputs[at].value or b"")
    decision["source"]["offset"] = 5_000
    run.outputs.append(run.outputs[at]._replace(value=json.dumps(decision).encode(), offset=998))
    run.outputs[other] = run.outputs[other]._replace(partition=1 - run.outputs[other].partition)
    assert run.check().kinds == {"unknown": 1, "partition": 1}
