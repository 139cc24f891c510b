"""The service in a separate process, as an operator runs it."""

import itertools
import os
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest

from tests.forks import Process


def spawned(parent: int) -> set[int]:
    """Return the ids of the processes that ``parent`` has started through multiprocessing."""
    pids = set()
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with suppress(FileNotFoundError):  # it has ended meanwhile
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                pids.add(int(pid))
    return pids


def wait_until(met: Callable[[], bool], missing: str) -> None:
    """Poll until ``met`` returns true; after five minutes, fail with the message ``missing``."""
    pause = threading.Event()
    for _ in range(6_000):
        if met():
            return
        pause.wait(0.05)
    pytest.fail(missing)


def wait_for(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until a line of the log of this process contains ``text``."""
    wait_until(lambda: text in caplog.text, f"no line of the log contains {text!r}")


def allow_to_open(pid: int, more: int) -> None:
    """Limit a process to opening ``more`` files in addition to those it has open."""
    open_files = {int(descriptor.name) for descriptor in Path(f"/proc/{pid}/fd").iterdir()}
    limit = next(n for n in itertools.count(1) if len(set(range(n)) - open_files) == more)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]))


@dataclass
class Service:
    """A running service."""

    process: Process
    url: str
    log: list[str] = field(default_factory=list)
    grown: threading.Condition = field(default_factory=threading.Condition)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def children(self) -> set[int]:
        """Return the process ids of the workers."""
        return spawned(self.process.pid)

    def connections(self, worker: int) -> set[str]:
        """Return the inodes of the client connections of a worker."""
        open_files = set()
        for descriptor in Path(f"/proc/{worker}/fd").iterdir():
            with suppress(FileNotFoundError):
                open_files.add(str(descriptor.readlink()))
        rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        established = [row[9] for row in rows if row[3] == "01" and int(row[1].rpartition(":")[2], 16) == self.port]
        return {inode for inode in established if f"socket:[{inode}]" in open_files}

    def resident(self) -> int:
        """Return the resident memory of the process in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])

    def peak(self) -> int:
        """Return the most bytes of memory that the process has held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) * 1024

    def logged(self, text: str) -> int:
        """Return how many lines of the log contain ``text``."""
        return sum(text in line for line in self.log)

    def wait_for(self, text: str, times: int = 1) -> None:
        """Wait until at least ``times`` lines of the log contain ``text``."""
        with self.grown:
            enough = self.grown.wait_for(lambda: self.logged(text) >= times, timeout=600)
        assert enough, "".join(self.log)

    def read(self) -> None:
        """Collect the log until the process closes it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self.grown:
                self.log.append(line)
                self.grown.notify_all()


SERVICE = (sys.executable, "-m", "service")


@contextmanager
def running(
    artifacts: Path,
    program: Sequence[str] = SERVICE,
    environment: Mapping[str, str] = MappingProxyType({}),
    /,
    **settings: object,
) -> Iterator[Service]:
    """Run a service with these settings (named without ``SST_``) and wait until it is ready; stop it at the end.

    The ``program`` is that of the service, and ``environment`` has other variables for it.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("SST_")}
    # The machine that runs the tests may be busy.
    given = {"SST_REQUEST_SECONDS": "600"} | {f"SST_{name.upper()}": str(value) for name, value in settings.items()}
    environment = others | given | {"SST_ARTIFACTS": str(artifacts)} | {**environment}
    command = [*program, "--port", "0"]
    process = Process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, start_new_session=True)
    assert process.stdout is not None
    url = re.findall(r"http://[0-9.:\[\]]+", process.stdout.readline())[0]
    service = Service(process, url)
    reader = threading.Thread(target=service.read)
    reader.start()
    try:
        # The socket is already listening; the answer arrives once the models are loaded.
        httpx.get(f"{url}/health/live", timeout=600).raise_for_status()
        yield service
    finally:
        process.terminate()
        process.wait()
        reader.join()
        process.stdout.close()
        assert process.stderr is not None
        process.stderr.close()
