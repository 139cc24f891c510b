"""What workers leave for each other in the folder that they share."""

import asyncio
import socket
import tempfile
from pathlib import Path

from service.engine.worker_bus import Siblings


def test_what_is_written_down_already_is_not_written_again(tmp_path: Path) -> None:
    # On a full disk it could not be, and no worker could take the place of one that died.
    siblings = Siblings(tmp_path)
    siblings.serve("nino12", "20260101T000000Z")
    (written,) = tmp_path.iterdir()
    before = written.stat()
    siblings.serve("nino12", "20260101T000000Z")
    assert written.stat().st_ino == before.st_ino
    siblings.serve("nino12", "20260202T000000Z")
    assert siblings.serving() == {"nino12": "20260202T000000Z"}


def test_the_socket_of_a_worker_that_begins_is_left_to_it() -> None:
    # A short name, as sockets want it.
    with tempfile.TemporaryDirectory(dir="/tmp") as name, socket.socket(socket.AF_UNIX) as bound:
        path = Path(name) / "1.sock"
        bound.bind(str(path))
        siblings = Siblings(Path(name))
        assert asyncio.run(siblings.ask_others({"do": "load", "model": "nino12-gru"})) == []
        assert path.exists()
