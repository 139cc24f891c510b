"""A service that is stopped before it is ready, and one whose output nobody reads."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.processes import spawned

pytestmark = pytest.mark.long


@contextmanager
def starting(
    artifacts: Path,
    folder: str,
    workers: int,
    output: int = subprocess.PIPE,
    **settings: str,
) -> Iterator["subprocess.Popen[str]"]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SST_")}
    environment |= {"SST_ARTIFACTS": str(artifacts), "SST_WORKERS": str(workers), "TMPDIR": folder} | settings
    command = [sys.executable, "-m", "service", "--port", "0"]
    with subprocess.Popen(
        command, stdout=output, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("moment", "workers", "number"),
    [
        # It reads how many workers to start only after the imports.
        ("it imports", 2, signal.SIGTERM),
        ("it has printed its address", 1, signal.SIGTERM),
        ("it has printed its address", 2, signal.SIGINT),
        ("its workers import", 2, signal.SIGTERM),
        ("its workers import", 2, signal.SIGINT),
    ],
)
def test_a_signal_before_the_service_is_ready_ends_it_with_0_and_leaves_nothing_behind(
    artifacts: Path, workers: int, number: int, moment: str
) -> None:
    # A short path, since the path of the workers' folder begins with it.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        with starting(artifacts, folder, workers) as process:
            assert process.stdout is not None
            children: set[int] = set()
            if moment == "it imports":
                while "libtorch" not in Path(f"/proc/{process.pid}/maps").read_text():
                    assert process.poll() is None
            else:
                process.stdout.readline()
            if moment == "its workers import":
                while len(children := spawned(process.pid)) < workers:
                    pass
                while not all("libtorch" in Path(f"/proc/{child}/maps").read_text() for child in children):
                    pass
            process.send_signal(number)
            _, log = process.communicate()
            assert process.returncode == 0, log
        assert "Traceback" not in log
        assert not any(Path(f"/proc/{child}").exists() for child in children)
        assert not list(Path(folder).iterdir())


def test_a_service_whose_output_nobody_reads_serves(artifacts: Path, tmp_path: Path) -> None:
    unread, output = os.pipe()
    os.close(unread)
    with starting(artifacts, str(tmp_path), 1, output) as process:
        os.close(output)
        assert process.stderr is not None
        log = ""
        for line in process.stderr:
            log += line
            if "startup complete" in line:
                break
        process.terminate()
        log += process.communicate()[1]
    assert process.returncode == 0, log
    assert "Traceback" not in log


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_whose_log_nobody_reads_answers_and_stops(artifacts: Path, workers: int) -> None:
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as folder,
        starting(artifacts, folder, workers, SST_ACCESS_LOG="true") as process,
    ):
        assert process.stdout is not None
        (url,) = re.findall(r"on (http://\S+)", process.stdout.readline())
        with httpx.Client(base_url=url) as client:
            # Each is a line of the log, and together they are more than the pipe takes.
            for _ in range(500):
                client.get("/health/live").raise_for_status()
        process.terminate()
        assert process.wait(timeout=60) == 0
