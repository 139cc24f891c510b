"""A command that is forked from a zygote finds what one finds that is started anew."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import wait_until
from tests.scoring.commands import members
from tests.zygote.process import Popen, run

PROBE = """
import gc, json, locale, os, resource, signal, sys, tempfile, threading
streams = (sys.stdin, sys.stdout, sys.stderr)
main = sys.modules["__main__"]
print(json.dumps({
    "arguments": [sys.argv, sys.orig_argv, sys.path, sys.executable, str(sys.flags), sys.warnoptions],
    "main": [main.__name__, main.__spec__, hasattr(main, "__file__")],
    "streams": [[s.encoding, s.errors, s.line_buffering, s.write_through, s.fileno()] for s in streams],
    "command line": open("/proc/self/cmdline").read().rstrip("\\0"),
    "environment": dict(os.environ),
    "folder": [os.getcwd(), tempfile.gettempdir()],
    "files": sorted(os.listdir("/proc/self/fd"))[:3],
    "signals": [str(signal.getsignal(number)).split(" at ")[0] for number in sorted(signal.valid_signals())],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "limits": [resource.getrlimit(number) for number in range(16)],
    "group": [os.getpgid(0) == os.getpid(), os.getsid(0) == os.getpid(), os.getppid()],
    "umask": os.umask(0),
    "locale": locale.getlocale(),
    "running": [threading.active_count(), threading.current_thread().name, gc.isenabled(), gc.get_threshold()],
}, indent=1, default=str))
"""


@pytest.mark.parametrize("settings", [{}, {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "error"}])
@pytest.mark.parametrize("session", [True, False])
def test_a_forked_command_finds_what_a_started_one_finds(
    tmp_path: Path, settings: dict[str, str], session: bool
) -> None:
    command = [sys.executable, "-c", PROBE, "an", "argument"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), **settings}
    started = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path, start_new_session=session
    )
    forked = run(command, env=environment, cwd=tmp_path, start_new_session=session)
    assert (forked.returncode, forked.stderr) == (0, started.stderr)
    assert forked.stdout == started.stdout


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("raise ValueError", 1),
        # A shell starts commands in the background with this signal ignored.
        (
            "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "os.kill(os.getpid(), signal.SIGINT)",
            -signal.SIGINT,
        ),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    ],
)
def test_a_forked_command_ends_with_the_status_of_a_started_one(code: str, status: int) -> None:
    command = [sys.executable, "-c", code]
    assert run(command).returncode == status
    assert subprocess.run(command, capture_output=True, check=False).returncode == status


def test_a_killed_command_leaves_no_process_in_its_session() -> None:
    command = [sys.executable, "-c", "import sys\nprint(flush=True)\nsys.stdin.read()"]
    with Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    wait_until(lambda: not members(process.pid), "a process of the session is left")
