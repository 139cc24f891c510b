"""Messages that workers leave for each other in a shared folder."""

import asyncio
import socket
import tempfile
from pathlib import Path

from service.engine.releases.worker_bus import WorkerBus


def test_recording_the_same_version_again_writes_nothing(tmp_path: Path) -> None:
    # On a full disk it could not be, and no worker could take the place of one that died.
    bus = WorkerBus(tmp_path)
    bus.serve("nino12", "20260101T000000Z")
    (written,) = tmp_path.iterdir()
    before = written.stat()
    bus.serve("nino12", "20260101T000000Z")
    assert written.stat().st_ino == before.st_ino
    bus.serve("nino12", "20260202T000000Z")
    assert bus.serving() == {"nino12": "20260202T000000Z"}


def test_the_socket_of_a_starting_worker_is_not_removed() -> None:
    # A short name, as sockets want it.
    with tempfile.TemporaryDirectory(dir="/tmp") as name, socket.socket(socket.AF_UNIX) as bound:
        path = Path(name) / "1.sock"
        bound.bind(str(path))
        bus = WorkerBus(Path(name))
        assert asyncio.run(bus.ask_others({"do": "load", "model": "nino12-gru"})) == []
        assert path.exists()
