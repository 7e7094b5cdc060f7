"""A small TCP proxy that can be slow and can cut what goes through it."""

from __future__ import annotations

import asyncio
import contextlib

from deploy.processes import HOST

CHUNK = 1 << 18


class Proxy:
    """Listens on `port` and passes every connection on to `target`, both on the loopback address.

    Attributes:
        delay: seconds that each piece is held back, on its way there.
    """

    def __init__(self, port: int, target: int) -> None:
        self.port, self.target = port, target
        self.delay = 0.0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, HOST, self.port, limit=CHUNK)

    async def stop(self) -> None:
        """Cut everything and listen no more."""
        if self._server:
            self._server.close()
        self.cut()

    def cut(self) -> int:
        """Reset every connection that is open; returns how many pieces of them there were."""
        ends = list(self._open)
        for end in ends:
            end.transport.abort()
        return len(ends) // 2

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(HOST, self.target, limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, there_writer}
        self._open |= ends
        try:
            await asyncio.gather(
                self._pass(reader, there_writer, slow=True), self._pass(there_reader, writer, slow=False)
            )
        finally:
            self._open -= ends
            for end in ends:
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(CHUNK):
                if slow and self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(piece)
                await writer.drain()
        writer.transport.abort()
