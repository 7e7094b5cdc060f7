"""A port that is taken or a folder that cannot be written to is told by the name of its setting."""

from __future__ import annotations

import socket
from pathlib import Path

from deploy.processes import HOST, free_port
from workers.places import refused_places


def test_free_ports_and_a_folder_that_can_be_made_are_not_refused(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    assert refused_places(HOST, {"METRICS_PORT": free_port(), "WEB_PORT": free_port()}, folder) == []
    assert list(folder.iterdir()) == []


def test_a_port_that_another_worker_has_is_named_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        (line,) = refused_places(HOST, {"METRICS_PORT": port, "WEB_PORT": 0}, tmp_path)
    assert line.startswith(f"SLUICEGATE_METRICS_PORT: cannot listen on port {port} of {HOST}: Address already in use")


def test_one_port_for_two_settings_is_refused(tmp_path: Path) -> None:
    port = free_port()
    (line,) = refused_places(HOST, {"METRICS_PORT": port, "WEB_PORT": port}, tmp_path)
    assert line.startswith("SLUICEGATE_WEB_PORT: ")


def test_an_address_of_another_machine_is_told(tmp_path: Path) -> None:
    (line,) = refused_places("192.0.2.1", {"WEB_PORT": free_port()}, tmp_path)
    assert "192.0.2.1" in line
    assert "SLUICEGATE_HOST" in line


def test_a_folder_that_cannot_be_made_is_named_with_its_setting(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    (line,) = refused_places(HOST, {}, file / "state")
    assert line == f"SLUICEGATE_STATE_DIR: {file / 'state'} cannot be written to: Not a directory"
