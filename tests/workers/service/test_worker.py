"""The worker as a process, on a real broker and a real Valkey: no record without an answer."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

import deploy
from deploy.processes import Service, free_port

Record = tuple[int, bytes | None, bytes | None]
NOW = 1_790_000_000_000


def post(number: int, text: str = "今天的面条很好吃", **fields: Any) -> Record:
    """An ordinary post on the partition of its number's parity."""
    author = {"id": f"author-{number % 50}", "name": "小王", "created_at": NOW - 10**11, "followers": 80}
    value = {"id": f"post-{number}", "text": text, "author": author, "created_at": NOW + number, **fields}
    return number % 2, author["id"].encode(), json.dumps(value).encode()


BAD: dict[str, bytes | None] = {
    "not JSON": b"hello",
    "cut short": b'{"id":"x","text":"y"',
    "wrong type": b'{"id":7,"text":"x","author":{"id":"a"},"created_at":1790000000000}',
    "no id": b'{"text":"x","author":{"id":"a"},"created_at":1790000000000}',
    "1 MB of text": json.dumps({"id": "x", "text": "x" * 1_000_000, "author": {"id": "a"}, "created_at": NOW}).encode(),
    "lone surrogate": b'{"id":"x","text":"\\ud800","author":{"id":"a"},"created_at":1790000000000}',
    "NUL": b'{"id":"x","text":"a\\u0000b","author":{"id":"a"},"created_at":1790000000000}',
    "many links": json.dumps(
        {"id": "x", "text": "x", "author": {"id": "a"}, "created_at": NOW, "links": ["http://a.example"] * 10_000}
    ).encode(),
    "an id with a newline": b'{"id":"x\\ny","text":"x","author":{"id":"a"},"created_at":1790000000000}',
    "not UTF-8": b'{"id":"x","text":"\xff","author":{"id":"a"},"created_at":1790000000000}',
    "empty": b"",
    "tombstone": None,
}


def test_every_record_gets_one_answer_on_its_own_partition(platform: Any, start_worker: Any) -> None:
    records = [post(number) for number in range(200)]
    records[50:50] = [(0, name.encode(), value) for name, value in BAD.items()]
    start_worker()
    platform.send(records)
    outputs = platform.outputs(len(records))
    assert Counter(Counter(output.source for output in outputs).values()) == {1: len(records)}
    assert all(output.partition == output.source[0] for output in outputs)

    dead = {output.key: output for output in outputs if output.topic == "posts.dead"}
    assert {key: output.value for key, output in dead.items()} == {name.encode(): value for name, value in BAD.items()}
    assert all(output.headers["detail"] for output in dead.values())

    allowed = [json.loads(output.value) for output in outputs if output.topic == "posts.allow"]
    assert len(allowed) == 200
    for partition in range(2):
        ids = [decision["id"] for decision in allowed if decision["source"]["partition"] == partition]
        assert ids == [f"post-{number}" for number in range(200) if number % 2 == partition]


def test_a_killed_worker_loses_nothing_and_repeats_at_most_the_same_bytes(
    platform: Any, start_worker: Any, delivery: str
) -> None:
    first = start_worker(batch_posts="50")
    platform.send([post(number) for number in range(1_000)])
    platform.outputs(100)
    first.process.send_signal(signal.SIGKILL)
    platform.send([post(number) for number in range(1_000, 2_000)])
    start_worker(batch_posts="70")
    outputs = platform.outputs(2_000)
    by_source: dict[tuple[int, int], set[bytes]] = {}
    for output in outputs:
        by_source.setdefault(output.source, set()).add(output.value)
    assert len(by_source) == 2_000
    assert all(len(values) == 1 for values in by_source.values())
    if delivery == "exactly_once":
        assert len(outputs) == 2_000


def test_two_workers_share_the_partitions(platform: Any, start_worker: Any) -> None:
    workers = [start_worker(), start_worker()]
    platform.send([post(number) for number in range(100)])
    platform.outputs(100)
    deadline = time.monotonic() + 40
    while not all('"partitions": [0]' in log or '"partitions": [1]' in log for log in map(_log, workers)):
        assert time.monotonic() < deadline, [_log(worker)[-2000:] for worker in workers]
        time.sleep(0.2)
    platform.send([post(number) for number in range(100, 300)])
    outputs = platform.outputs(300)
    assert len({output.source for output in outputs}) == 300


def _log(service: Service) -> str:
    return service.log.read_text()


def test_a_worker_told_to_stop_ends_well_and_its_successor_goes_on_from_there(platform: Any, start_worker: Any) -> None:
    first = start_worker()
    platform.send([post(number) for number in range(100)])
    platform.outputs(100)
    first.ask_to_stop()
    assert first.process.wait(20) == 0
    start_worker()
    platform.send([post(number) for number in range(100, 200)])
    outputs = platform.outputs(200)
    assert Counter(output.source for output in outputs).most_common(1)[0][1] == 1


@pytest.mark.parametrize("fresh_broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
@pytest.mark.parametrize("redis_answers", [True, False])
def test_a_worker_at_full_work_ends_within_the_grace_that_its_pod_has(
    platform: Any, start_worker: Any, own_valkey: tuple[Service, str], redis_answers: bool
) -> None:
    worker = start_worker(batch_posts="500")
    platform.send([post(number) for number in range(6_000)])
    platform.outputs(1_000)
    if not redis_answers:
        own_valkey[0].stop()
    worker.ask_to_stop()
    manifest = yaml.safe_load((Path(deploy.__file__).parent / "k8s/base/deployment.yaml").read_text("utf-8"))
    assert worker.process.wait(manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]) == 0
    start_worker()
    outputs = platform.outputs(6_000)
    assert Counter(Counter(output.source for output in outputs).values()) == {1: 6_000}


def test_without_redis_decisions_go_on_and_say_so(
    platform: Any, start_worker: Any, own_valkey: tuple[Service, str]
) -> None:
    start_worker()
    platform.send([post(number) for number in range(20)])
    assert not any(json.loads(output.value).get("degraded") for output in platform.outputs(20))
    own_valkey[0].stop()
    platform.send([post(number) for number in range(20, 40)])
    outputs = platform.outputs(40)
    assert sum(bool(json.loads(output.value).get("degraded")) for output in outputs) == 20


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
def test_prometheus_is_told_what_was_decided_how_late_and_by_what(platform: Any, start_worker: Any) -> None:
    port = free_port()
    start_worker(metrics_port=str(port))
    platform.send([*(post(number) for number in range(50)), (0, None, b"{")])
    platform.outputs(51)
    lines = set()
    while 'sluicegate_consumer_lag{partition="1"} 0.0' not in lines:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = set(answer.read().decode().splitlines())
    assert 'sluicegate_posts_total{verdict="allow"} 50.0' in lines
    assert 'sluicegate_dead_letters_total{reason="not_json"} 1.0' in lines
    assert "sluicegate_created_to_decided_seconds_count 50.0" in lines
    assert "sluicegate_arrived_to_decided_seconds_count 51.0" in lines
    assert "sluicegate_degraded 0.0" in lines
    assert "sluicegate_partitions 2.0" in lines
    for stage in ("decode", "signals", "rules", "encode", "publish"):
        assert any(line.startswith(f'sluicegate_stage_seconds_count{{stage="{stage}"}}') for line in lines)
    assert any(line.startswith("sluicegate_versions_info{") and 'policy="' in line for line in lines)


def test_faust_s_own_command_runs_the_worker(platform: Any, start_worker: Any) -> None:
    faust = str(Path(sys.executable).parent / "faust")
    assert shutil.which(faust)
    start_worker([faust, "-A", "workers.app", "worker", "--without-web"])
    platform.send([post(number) for number in range(10)])
    assert len(platform.outputs(10)) == 10


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
def test_a_wrong_setting_ends_the_worker_with_a_line_that_names_it(start_worker: Any) -> None:
    worker = start_worker(batch_posts="none")
    assert worker.process.wait(30) != 0
    assert "SLUICEGATE_BATCH_POSTS" in worker.last_lines()


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
def test_a_wrong_policy_ends_the_worker_with_its_file_and_line(start_worker: Any, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        'version: "1"\nrules:\n  - name: x\n    when: abuze > 0.5\n    verdict: flag\n    category: c\n    reason: r\n'
    )
    worker = start_worker(policy=str(policy))
    assert worker.process.wait(30) != 0
    assert "policy.yaml:4" in worker.last_lines()
    assert "abuse" in worker.last_lines()


@pytest.mark.parametrize("fresh_broker", [pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True)
def test_a_worker_that_slept_past_its_session_publishes_nothing_and_ends(platform: Any, start_worker: Any) -> None:
    sleeper = start_worker(batch_posts="50")
    platform.send([post(number) for number in range(400)])
    platform.outputs(400)
    sleeper.process.send_signal(signal.SIGSTOP)
    successor = start_worker(batch_posts="50")
    platform.send([post(number) for number in range(400, 800)])
    platform.outputs(800)
    sleeper.process.send_signal(signal.SIGCONT)
    platform.send([post(number) for number in range(800, 1_600)])
    outputs = platform.outputs(1_600)
    assert Counter(Counter(output.source for output in outputs).values()) == {1: 1_600}
    assert successor.running or sleeper.running


@pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
def test_a_run_may_play_posts_to_workers_that_run_already(platform: Any, start_worker: Any) -> None:
    start_worker()
    command = [sys.executable, "-m", "workers", "run", "--workers", "0", "--count", "500", "--kafka", platform.kafka]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["posts"] == 500
