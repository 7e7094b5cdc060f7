"""A Redis or Valkey behind TLS."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from deploy.processes import HOST, free_port
from secured.cluster import NAME, Certificates


class TlsFront:
    """Speaks TLS to clients and plainly to a server on this machine, as stunnel does."""

    def __init__(self, certificate: Path, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    async def _listen(self) -> None:
        await asyncio.start_server(self._serve, HOST, self.port, ssl=self._context)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection(HOST, self._target)
        await asyncio.gather(_copy(reader, outer), _copy(inner, writer), return_exceptions=True)

    def close(self) -> None:
        """Stop at once, with what is under way."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while read := await reader.read(1 << 16):
            writer.write(read)
            await writer.drain()
    finally:
        writer.close()


class SecuredRedis(NamedTuple):
    """A Redis or Valkey that speaks only TLS to its clients and wants a password."""

    port: int
    password: str
    certificates: Certificates

    def login(self, **other: str) -> dict[str, str]:
        """The SLUICEGATE_ variables to use it."""
        return {
            "SLUICEGATE_REDIS": f"rediss://{NAME}:{self.port}/0",
            "SLUICEGATE_REDIS_CA": str(self.certificates.ca),
            "SLUICEGATE_REDIS_PASSWORD": self.password,
            **other,
        }


StartRedis = Callable[..., SecuredRedis]
