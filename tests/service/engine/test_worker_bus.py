"""What workers leave for each other in the folder that they share."""

import asyncio
import socket
import tempfile
from pathlib import Path

from service.engine.worker_bus import WorkerBus


def test_what_is_written_down_already_is_not_written_again(tmp_path: Path) -> None:
    # On a full disk it could not be, and no worker could take the place of one that died.
    bus = WorkerBus(tmp_path)
    bus.serve("nino12", "20260101T000000Z")
    (written,) = tmp_path.iterdir()
    before = written.stat()
    bus.serve("nino12", "20260101T000000Z")
    assert written.stat().st_ino == before.st_ino
    bus.serve("nino12", "20260202T000000Z")
    assert bus.serving() == {"nino12": "20260202T000000Z"}


def test_the_socket_of_a_worker_that_begins_is_left_to_it() -> None:
    # A short name, as sockets want it.
    with tempfile.TemporaryDirectory(dir="/tmp") as name, socket.socket(socket.AF_UNIX) as bound:
        path = Path(name) / "1.sock"
        bound.bind(str(path))
        bus = WorkerBus(Path(name))
        assert asyncio.run(bus.ask_others({"do": "load", "model": "nino12-gru"})) == []
        assert path.exists()
