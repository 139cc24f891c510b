"""The service as a process of its own, as an operator runs it."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest


def spawned(parent: int) -> set[int]:
    """Process ids of those that ``parent`` has started through multiprocessing."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(pid) for pid in listed if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def wait_until(met: Callable[[], bool], missing: str) -> None:
    """Look, with pauses, until ``met``; after minutes of it fail with what is ``missing``."""
    pause = threading.Event()
    for _ in range(6_000):
        if met():
            return
        pause.wait(0.05)
    pytest.fail(missing)


@dataclass
class Service:
    """A running service.

    Attributes:
        process: the one that was started: the supervisor where there are several workers.
        url: where it answers.
        log: what it has written to standard error so far, by line.
    """

    process: "subprocess.Popen[str]"
    url: str
    log: list[str] = field(default_factory=list)
    grown: threading.Condition = field(default_factory=threading.Condition)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def children(self) -> set[int]:
        """Process ids of the workers."""
        return spawned(self.process.pid)

    def connections(self, worker: int) -> set[str]:
        """Inodes of the connections from clients that a worker holds."""
        held = set()
        for one in Path(f"/proc/{worker}/fd").iterdir():
            with suppress(FileNotFoundError):
                held.add(str(one.readlink()))
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        established = [row[9] for row in rows if row[3] == "01" and int(row[1].rpartition(":")[2], 16) == self.port]
        return {inode for inode in established if f"socket:[{inode}]" in held}

    def resident(self) -> int:
        """KiB of memory that the process holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until the log holds ``text`` so often."""
        with self.grown:
            found = self.grown.wait_for(lambda: sum(text in line for line in self.log) >= times, timeout=60)
        assert found, "".join(self.log)

    def read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.grown:
                self.log.append(line)
                self.grown.notify_all()


@contextmanager
def running(
    artifacts: Path, program: Sequence[str] = (sys.executable, "-m", "service"), **settings: object
) -> Iterator[Service]:
    """A service with these settings (by their names without ``SST_``), ready; it is gone afterwards."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SST_")}
    environment |= {f"SST_{name.upper()}": str(value) for name, value in settings.items()}
    environment |= {"SST_ARTIFACTS": str(artifacts)}
    command = [*program, "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert process.stdout is not None
    url = re.findall(r"http://[0-9.:\[\]]+", process.stdout.readline())[0]
    service = Service(process, url)
    reader = threading.Thread(target=service.read)
    reader.start()
    try:
        # The socket listens already: the answer comes when the models are loaded.
        httpx.get(f"{url}/health/ready", timeout=60).raise_for_status()
        yield service
    finally:
        process.terminate()
        process.wait()
        reader.join()
        process.stdout.close()
        assert process.stderr is not None
        process.stderr.close()
