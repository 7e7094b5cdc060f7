"""What a worker needs of its machine before it begins: ports that are free, and a folder that it may write to."""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from workers.settings import PREFIX, Settings


def need_places(settings: Settings, *ports: str) -> None:
    """Return if a worker can have these ports, named by their settings, and its folder.

    Raises SystemExit with a line for each that it cannot.
    """
    numbers = {name: getattr(settings, name.lower()) for name in ports}
    if refused := refused_places(settings.host, numbers, settings.state_dir):
        raise SystemExit("\n".join(["sluicegate: wrong settings", *refused]))


def refused_places(host: str, ports: Mapping[str, int], folder: Path) -> list[str]:
    """What cannot be had, a line each.

    ports: by the name of the setting; 0 is none.
    """
    return [*_refused_ports(host, ports), *_refused_folder(folder)]


def _refused_ports(host: str, ports: Mapping[str, int]) -> Iterator[str]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as held:
        for name, port in ports.items():
            if not port:
                continue
            try:
                # Held until all were tried: two settings may name one port.
                held.enter_context(socket.create_server((host, port), family=family))
            except OSError as error:
                # Python adds the address, which is told here.
                reason = str(error.strerror).partition(" (while")[0]
                yield (
                    f"{PREFIX}{name}: cannot listen on port {port} of {host}: {reason}; "
                    f"name another port, or another address with {PREFIX}HOST"
                )


def _refused_folder(folder: Path) -> Iterator[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield f"{PREFIX}STATE_DIR: {folder} cannot be written to: {error.strerror}"
