"""Servers in processes of their own, on a free port of the loopback interface."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_START_SECONDS: Final = 90.0
_STOP_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Program:
    """A server program."""

    name: str
    command: tuple[str, ...]
    path: str = "/forecast"
    folder: Path | None = None


def uvicorn(name: str, factory: str) -> Program:
    """An ASGI application on uvicorn, configured like the service."""
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
    return Program(name, (sys.executable, "-m", "uvicorn", "--factory", factory, "--port", "{port}", *options))


ECHO: Final = uvicorn("bare ASGI echo", "benchmarks.support.floors:echo")
COLUMNS: Final = uvicorn("bare Arrow reader", "benchmarks.support.floors:columns")
VALIDATING: Final = uvicorn("FastAPI no-op that validates", "benchmarks.support.floors:validating")
NO_OP: Final = uvicorn("FastAPI no-op", "benchmarks.support.floors:no_op")
THREAD_POOL: Final = uvicorn("FastAPI, thread pool", "benchmarks.support.thread_pool:create")
SERVICE: Final = Program("this service", (sys.executable, "-m", "service", "--port", "{port}"))


class Server:
    """A running program, and a connection to it."""

    def __init__(self, program: Program, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.port = port
        self.pid = process.pid
        self.url = f"http://127.0.0.1:{port}{program.path}"
        self._path = program.path
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, body: bytes, query: str = "", media_type: str = "application/json") -> bytes:
        """Send a request over a persistent connection; returns the body of the response."""
        try:
            response, content = self._exchange(body, query, media_type)
        except ConnectionError:
            # Servers close connections after some idle seconds.
            self.close()
            response, content = self._exchange(body, query, media_type)
        if response.status != http.HTTPStatus.OK or b'"error":' in content:
            raise RuntimeError(f"{self.url} responded {response.status}: {content[:500]!r} to {body[:500]!r}")
        return content

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def memory(self) -> tuple[float, float]:
        """Resident MiB, and the anonymous part of it, which is not mapped from files."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        resident, anonymous = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon"))
        return resident, anonymous

    def processor_seconds(self) -> float:
        """Processor time that the threads of the process have taken so far."""
        counts = [(task / "schedstat").read_text(encoding="ascii") for task in Path(f"/proc/{self.pid}/task").iterdir()]
        return sum(int(count.split()[0]) for count in counts) / 1e9

    def _exchange(self, body: bytes, query: str, media_type: str) -> tuple[http.client.HTTPResponse, bytes]:
        self._connection.request("POST", self._path + query, body, {"Content-Type": media_type})
        response = self._connection.getresponse()
        return response, response.read()

    def _responds(self, body: bytes) -> bool:
        try:
            self.post(body)
        except (OSError, http.client.HTTPException, RuntimeError):
            self.close()
            return False
        return True


@contextmanager
def serving(program: Program, body: bytes) -> Iterator[Server]:
    """Run ``program``, wait until it responds to ``body``, and stop it at the end of the block."""
    with tempfile.TemporaryFile() as log, socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.close()
        process = _start(program, port, log)
        server = Server(program, port, process)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not server._responds(body):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{program.name} does not respond:\n{log.read()[-4000:].decode()}")
                time.sleep(0.01)
            yield server
        finally:
            server.close()
            _end(process)


def _start(program: Program, port: int, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [part.replace("{port}", str(port)) for part in program.command]
    # A session of its own, so that its child processes can be stopped with it.
    return subprocess.Popen(command, stdout=log, stderr=log, cwd=program.folder, start_new_session=True)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
