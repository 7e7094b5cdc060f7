"""What a running worker tells besides its verdicts: its log, and spans for a collector."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

pytestmark = pytest.mark.parametrize("fresh_broker", ["embedded"], indirect=True)
NOW = 1_790_000_000_000
MARKER = "zxqmarkerqxz"
TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")
PARENT = f"00-{TRACE.hex()}-b7ad6b7169203331-01".encode()
PATIENCE_SECONDS = 60.0


def post(number: int, text: str, name: str = "小王") -> tuple[int, bytes | None, bytes | None]:
    value = {"id": f"p{number}", "text": text, "author": {"id": f"a{number}", "name": name}, "created_at": NOW}
    return number % 2, b"a", json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize("level", ["info", "debug"])
def test_the_log_is_json_that_holds_no_post_s_text_and_a_line_a_batch_only_at_debug(
    platform: Any, start_worker: Any, own_valkey: Any, level: str
) -> None:
    worker = start_worker(log_level=level)
    texts = [f"{MARKER} 面条", f"同城可约，加微信 {MARKER}8899 看照片", f"buy now http://{MARKER}.example/x"]
    records = [post(number, texts[number % 3], MARKER) for number in range(60)]
    bad = [f'{{"id":"{MARKER}"', f'{{"id":7,"text":"{MARKER}"}}', f"{MARKER}\\ud800"]
    records += [(0, MARKER.encode(), line.encode()) for line in bad]
    platform.send(records)
    platform.outputs(len(records))
    own_valkey[0].stop()
    platform.send(records)
    platform.outputs(2 * len(records))
    worker.ask_to_stop()
    worker.process.wait(30)
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    assert {"partitions assigned", "counters unavailable: decisions go on without them"} <= {
        line["event"] for line in lines
    }
    assert any(line["event"] == "batch decided" for line in lines) == (level == "debug")
    told = [line for line in lines if line["level"] != "debug"]
    assert not any(MARKER in json.dumps(line, ensure_ascii=False) for line in told)


class Collector:
    """Takes spans as OpenTelemetry's exporters send them, over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/v1/traces"


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.server.shutdown()
    made.server.server_close()


async def send_traced(kafka: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        for number in range(4):
            partition, key, value = post(number, "面条")
            headers = [("traceparent", PARENT)] if number == 0 else []
            await producer.send_and_wait("posts", value, key, partition, headers=headers)


def test_a_batch_is_a_span_with_its_stages_that_links_to_the_posts_traces_which_go_on_in_the_decisions(
    platform: Any, start_worker: Any, collector: Collector
) -> None:
    import asyncio

    start_worker(traces=collector.address)
    asyncio.run(send_traced(platform.kafka))
    outputs = platform.outputs(4)
    traced = {json.loads(output.value)["id"]: output.headers for output in outputs}
    assert traced == {"p0": {"traceparent": PARENT.decode()}, "p1": {}, "p2": {}, "p3": {}}

    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(span.name == "batch" and span.links for span in collector.spans):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    linked = next(span for span in collector.spans if span.links)
    assert [link.trace_id for link in linked.links] == [TRACE]
    stages = {span.name for span in collector.spans if span.parent_span_id == linked.span_id}
    assert {"decode", "signals", "rules", "encode", "publish"} <= stages
    assert MARKER not in str(collector.spans)


def test_a_collector_that_is_not_there_does_not_hold_up_posts_or_the_end(platform: Any, start_worker: Any) -> None:
    worker = start_worker(traces="http://127.0.0.1:1/v1/traces")
    platform.send([post(number, "面条") for number in range(20)])
    assert len(platform.outputs(20)) == 20
    worker.ask_to_stop()
    assert worker.process.wait(30) == 0
