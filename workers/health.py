"""Is the worker alive, is it ready: what Kubernetes and load balancers ask, on the port of the metrics."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

STALLED_SECONDS = 30.0
"""An event loop that has not come round for so long will not: a batch at its largest takes it a few seconds."""

SILENT_SECONDS = 10.0


@dataclass
class Health:
    """What the worker knows of itself. Its event loop writes, the server's threads read.

    Attributes:
        versions: policy and models once they are loaded.
        partitions: those assigned, which may be none where there are more workers than partitions; None before the
            group has answered.
        redis: True once Redis has answered, or where the policy has no counters. One that is lost later does not
            change it: decisions go on without it, and no other worker would do better.
        draining: True from SIGTERM on.
    """

    versions: dict[str, str] = field(default_factory=dict)
    partitions: Collection[int] | None = None
    redis: bool = False
    draining: bool = False
    clock: Callable[[], float] = time.monotonic
    _beat: float | None = None

    def beat(self) -> None:
        """The event loop has come round."""
        self._beat = self.clock()

    @property
    def alive(self) -> bool:
        """False when the event loop stands still. True before it has begun: what starts slowly is not dead."""
        return self._beat is None or self.clock() - self._beat < STALLED_SECONDS

    @property
    def ready(self) -> bool:
        """True while the worker decides what comes on its partitions."""
        return self.alive and not self.draining and not self.missing()

    def missing(self) -> list[str]:
        """What is waited for, in words."""
        return [
            what
            for what, there in {
                "policy and models": bool(self.versions),
                "partitions: the group has not answered": self.partitions is not None,
                "Redis: it has not answered": self.redis,
            }.items()
            if not there
        ]

    def answer(self, path: str) -> tuple[bool, dict[str, Any]]:
        """Is it well, and what there is to tell, for /livez or /readyz."""
        if path == "/livez":
            return self.alive, {"alive": self.alive}
        partitions = None if self.partitions is None else sorted(self.partitions)
        return self.ready, {
            "ready": self.ready,
            "missing": self.missing(),
            "draining": self.draining,
            "partitions": partitions,
            "versions": self.versions,
        }


class _Silent(WSGIRequestHandler):
    # Who connects and says nothing would keep a thread for as long as it likes.
    timeout = SILENT_SECONDS

    def log_message(self, *_: Any) -> None:
        """A line a request would drown the worker's own."""


def serve(host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
    """Answer /livez and /readyz (200 or 503, JSON), and Prometheus on any other path.

    Raises OSError when the port is taken.
    """
    metrics = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path not in ("/livez", "/readyz"):
            answered: Iterable[bytes] = metrics(environ, start_response)
            return answered
        well, told = health.answer(path)
        start_response("200 OK" if well else "503 Service Unavailable", [("Content-Type", "application/json")])
        return [json.dumps(told).encode() + b"\n"]

    class Server(ThreadingWSGIServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, *_: Any) -> None:
            """Nothing: who asked has gone, or said nothing for too long."""

    server = make_server(host, port, application, Server, _Silent)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
