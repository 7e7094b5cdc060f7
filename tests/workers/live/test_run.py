"""`sluicegate run` as its user runs it."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded import start_broker, start_valkey
from deploy.processes import listening

RUN = [sys.executable, "-m", "workers", "run"]
NOW = 1_790_000_000_000


def run(*arguments: str, status: int = 0) -> tuple[dict[str, Any], str]:
    done = subprocess.run([*RUN, *arguments, "--json"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def ports(text: str) -> set[int]:
    return {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)}


def plain(shown: bytes) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode(errors="replace"))


def test_a_simulated_stream_gets_its_verdicts_and_nothing_is_left_behind(tmp_path: Path) -> None:
    truth, picture = tmp_path / "truth.jsonl", tmp_path / "view.svg"
    summary, said = run("--count", "3000", "--truth", str(truth), "--picture", str(picture))
    assert list(summary) == [
        "posts", "allow", "flag", "block", "dead", "degraded", "posts_per_second", "latency_ms", "seconds",
    ]  # fmt: skip
    assert summary["posts"] == 3_000
    assert sum(summary[verdict] for verdict in ("allow", "flag", "block", "dead")) == 3_000
    assert set(summary["latency_ms"]) == {"p50", "p99"}

    verdicts = [json.loads(line) for line in truth.read_text().splitlines()]
    assert len(verdicts) == 3_000
    by_truth: dict[str, list[str]] = {}
    for line in verdicts:
        by_truth.setdefault(line["truth"], []).append(line["verdict"])
    assert set(by_truth["malformed"]) == {"dead"}
    assert by_truth["ordinary"].count("allow") > 0.97 * len(by_truth["ordinary"])
    assert by_truth["solicitation"].count("allow") < 0.5 * len(by_truth["solicitation"])

    assert picture.read_text().startswith("<svg")
    assert len(ports(said)) == 4
    assert not any(map(listening, ports(said)))


def test_a_file_is_played_to_its_end_by_two_workers(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    lines = [
        json.dumps({"id": f"p{number}", "text": "面条很好吃", "author": {"id": f"a{number % 40}"}, "created_at": NOW})
        for number in range(500)
    ]
    file.write_text("\n".join([*lines, "", "not a post"]))
    summary, _ = run("--posts", str(file), "--workers", "2")
    assert (summary["posts"], summary["dead"]) == (501, 1)
    assert summary["allow"] + summary["flag"] + summary["block"] == 500


def test_a_run_s_posts_are_counted_though_its_redis_has_seen_another_run(tmp_path: Path) -> None:
    files = tmp_path / "quiet.jsonl", tmp_path / "flood.jsonl"
    for file, authors in zip(files, (60, 1), strict=True):
        posts = [
            {"id": f"p{number}", "text": "面条很好吃", "author": {"id": f"a{number % authors}"}, "created_at": NOW}
            for number in range(60)
        ]
        file.write_text("".join(json.dumps(post) + "\n" for post in posts))
    service, url = start_valkey(tmp_path)
    try:
        quiet, flood = (run("--posts", str(file), "--redis", url, "--partitions", "1")[0] for file in files)
    finally:
        service.stop()
    assert quiet["block"] == 0
    assert flood["block"] > 0


def test_without_a_redis_its_user_is_told_before_the_first_post_and_at_the_end() -> None:
    summary, said = run("--count", "200", "--redis", "redis://:sesame@127.0.0.1:1/0")
    assert summary["degraded"] == 200 - summary["dead"]
    before, _, after = said.partition("ready after")
    for told in (before, after):
        assert "without counters" in told.lower()
        assert "127.0.0.1:1/0 cannot be used" in told
        assert "--redis" in told
    assert "sesame" not in said


def begun(*arguments: str, **environment: str) -> tuple[subprocess.Popen[bytes], str]:
    """A run without end that has shown its first verdicts, and what it has said."""
    command, pipe = [*RUN, "--rate", "200", "--json", *arguments], subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, env=os.environ | environment)
    assert process.stderr
    said = b""
    while not re.search(rb"^[1-9][0-9,]* posts  ", said, re.MULTILINE):
        line = process.stderr.readline()
        assert line, said.decode()
        said += line
    return process, said.decode()


def test_a_broker_that_dies_ends_a_run_with_what_was_measured_and_a_message_and_nothing_is_left_behind() -> None:
    process, before = begun()
    broker = subprocess.run(["pgrep", "-P", str(process.pid), "-f", " broker "], capture_output=True, check=True)
    os.kill(int(broker.stdout), signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=60)
    said = stderr.decode()
    assert process.returncode == 1, said
    assert json.loads(stdout)["posts"] > 0
    assert "posts/s over" in said
    assert "\nError: broker ended with -9:" in said
    assert "Traceback" not in said
    assert not any(map(listening, ports(before)))


def test_while_brokers_are_away_a_run_says_so_once_in_a_while_and_ctrl_c_ends_it_with_its_report(
    tmp_path: Path,
) -> None:
    broker, address = start_broker(tmp_path)
    process, before = begun("--kafka", address, SLUICEGATE_DELIVERY="at_least_once")
    broker.stop()
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    said = stderr.decode()
    assert process.returncode == 0, said
    assert json.loads(stdout)["posts"] > 0
    assert "Traceback" not in said
    assert said.count("Unable connect to ") == 1
    assert not any(map(listening, ports(before)))


@pytest.mark.kafka
def test_posts_that_kafka_does_not_take_end_a_run_with_a_line(apache: str, tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_text(json.dumps({"id": "p", "text": "面" * 2_000_000, "author": {"id": "a"}, "created_at": NOW}))
    done = subprocess.run(
        [*RUN, "--posts", str(file), "--kafka", apache], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 1, done.stdout
    assert done.stderr.splitlines()[-1].startswith(f"Error: Kafka at {apache}: ")
    assert "MessageSizeTooLargeError" in done.stderr.splitlines()[-1]


@pytest.fixture
def on_a_terminal() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A run without end on a terminal of its own, and the file descriptor to read what it shows."""
    own, its = pty.openpty()
    process = subprocess.Popen([*RUN, "--rate", "200"], stdin=its, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    yield process, own
    process.kill()
    process.wait()
    os.close(own)


def test_ctrl_c_on_a_terminal_ends_all_of_it_within_five_seconds(
    on_a_terminal: tuple[subprocess.Popen[bytes], int],
) -> None:
    process, terminal = on_a_terminal
    seen = b""
    deadline = time.monotonic() + 60
    # Until the live view shows a first verdict.
    while not re.search(r"[1-9][0-9,]* posts decided", plain(seen)):
        assert time.monotonic() < deadline, plain(seen)[-2000:]
        seen += os.read(terminal, 65536)
    pressed = time.monotonic()
    process.send_signal(signal.SIGINT)
    while process.poll() is None and time.monotonic() - pressed < 20:
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # The terminal's other end has gone.
            break
    assert process.wait(20) == 0
    assert time.monotonic() - pressed < 5
    addresses = ports(plain(seen))
    assert len(addresses) >= 4
    assert not any(map(listening, addresses))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--posts", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--count", "0"], "--count"),
        (["--posts", __file__, "--truth", "truth.jsonl"], "--truth is what simulated posts are"),
        (["--kafka", "127.0.0.1:1", "--count", "1"], "127.0.0.1:1"),
        (["--redis", "localhost:6379", "--count", "1"], "must begin with redis://"),
    ],
)
def test_what_cannot_work_is_told_in_a_line(arguments: list[str], message: str) -> None:
    done = subprocess.run([*RUN, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_file_that_cannot_be_played_is_told_though_no_post_waits_for_its_verdict(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_text('{"text": "a"}\n', "utf-16")
    done = subprocess.run([*RUN, "--posts", str(file)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == f"Error: {file}: it is UTF-16; save it as UTF-8\n"


def test_with_prometheus_installed_its_address_is_told_and_otherwise_how_to_get_it(tmp_path: Path) -> None:
    summary, said = run("--count", "500", "--prometheus")
    assert summary["posts"] == 500
    if shutil.which("prometheus"):
        assert "alerts http://127.0.0.1:" in said
    else:
        assert "apt-get install prometheus" in said
    assert not any(map(listening, ports(said)))
