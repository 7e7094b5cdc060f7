"""The examples that people copy run as they stand."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer

from topics.reading import read_posts

ROOT = Path(__file__).parents[3]
# Some stand on both pages.
BLOCKS = {
    block: None
    for page in ("README.md", "topics/README.md")
    for block in re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
}
EXAMPLES = [block for block in BLOCKS if "topics.client" in block]


@pytest.mark.kafka
def test_the_example_of_a_sender_sends_a_post_keyed_by_its_author(desk: Any) -> None:
    (example,) = (block for block in BLOCKS if "KafkaProducer" in block)
    subprocess.run([sys.executable, "-c", example], env=os.environ | {"SLUICEGATE_KAFKA": desk.address}, check=True)
    with KafkaConsumer("posts", bootstrap_servers=desk.address, auto_offset_reset="earliest") as consumer:
        record = next(consumer)
    (post,), bad = read_posts([record.value])
    assert bad == []
    assert post is not None
    assert record.key == post.author.id.encode()


def test_there_is_one_for_the_platform_and_one_for_trust_and_safety() -> None:
    assert any('"platform"' in example for example in EXAMPLES)
    assert any('"review-desk"' in example for example in EXAMPLES)
    assert all(len(example.splitlines()) <= 12 for example in EXAMPLES)


@pytest.mark.kafka
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_reads_what_is_decided_and_goes_on_after_a_restart(example: str, desk: Any, tmp_path: Path) -> None:
    environment = os.environ | {"SLUICEGATE_KAFKA": desk.address, "PYTHONUNBUFFERED": "1"}
    # That 1 is read shows that 0 was handled.
    for life, offsets in enumerate([(0, 1), (2, 3)]):
        printed = tmp_path / f"{life}"
        with printed.open("w") as out:
            running = subprocess.Popen([sys.executable, "-c", example], env=environment, stdout=out, stderr=out)
        for offset in offsets:
            desk.write(desk.decision(offset))
            deadline = time.monotonic() + 60
            while f"p-0-{offset}" not in printed.read_text():
                assert time.monotonic() < deadline, printed.read_text()
                assert running.poll() is None, printed.read_text()
                time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        running.wait(30)
    assert "p-0-0" not in (tmp_path / "1").read_text()
