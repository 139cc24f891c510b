"""Run parts of the build, which are targets of the Makefile, and end with what failed and the seconds of each.

For example, ``python3 .ci/parts.py install check test``. All parts run, also after one that fails.
"""

from __future__ import annotations  # for the python3 of older systems

import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

LINES = 60
"""Lines of the summary at most, since a viewer may keep only the end of a log."""

WIDTH = 300
"""Characters of a line of the summary at most."""


class Part(NamedTuple):
    """What became of a part."""

    name: str
    seconds: float
    status: int
    tests: list[ElementTree.Element]
    tail: list[str]

    @property
    def failing(self) -> list[ElementTree.Element]:
        """The tests that failed, whose setup did, or that could not be collected."""
        return [test for test in self.tests if _fault(test) is not None]

    def row(self) -> str:
        """Return its line of the table."""
        result = "passed" if self.status == 0 else "FAILED"
        row = f"{self.name:<14}{result:<8}{self.seconds:>6.0f} s"
        if self.tests:
            skipped = sum(test.find("skipped") is not None for test in self.tests)
            row += f"{len(self.tests):>7} tests{skipped:>5} skipped{len(self.failing):>5} failed"
        return row


def _fault(test: ElementTree.Element) -> ElementTree.Element | None:
    fault = test.find("failure")
    return test.find("error") if fault is None else fault


def _name(test: ElementTree.Element) -> str:
    """Return the name by which pytest runs a test, or that of the module that could not be collected."""
    module, name = test.get("classname"), test.get("name", "")
    return f"{module.replace('.', '/')}.py::{name}" if module else name


def _tests(report: Path) -> list[ElementTree.Element]:
    try:
        return [*ElementTree.parse(report).iter("testcase")]
    except (OSError, ElementTree.ParseError):  # it runs no tests, or was killed before it wrote its report
        return []


def run(name: str) -> Part:
    """Run a part, and show its output."""
    tail: deque[str] = deque(maxlen=LINES)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = ["make", "--no-print-directory", name, f"REPORT={report}"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace"
        ) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                tail.append(line.rstrip())
        return Part(name, time.monotonic() - started, process.returncode, _tests(report), [*tail])


def told(part: Part) -> Iterator[list[str]]:
    """Return lines for each failure of a part, of which the first and the last are the most important."""
    for test in part.failing:
        fault = _fault(test)
        assert fault is not None
        message = (fault.get("message") or fault.text or "").splitlines() or [""]
        place = (fault.text or "").rstrip().rpartition("\n")[2]
        yield [f"{part.name}: {_name(test)}: {message[0]}", *(f"    {line}" for line in [*message[1:3], place] if line)]
    if part.status and not part.failing:
        yield [f"{part.name} failed with status {part.status}:", *(f"    {line}" for line in part.tail)]


def summary(parts: Sequence[Part]) -> list[str]:
    """Return each failure and the seconds of each part, in at most ``LINES`` lines."""
    table = ["", *(part.row() for part in parts), f"{'all':<14}{'':<8}{sum(part.seconds for part in parts):>6.0f} s"]
    failures = [failure for part in parts for failure in told(part)]
    room = LINES - len(table)
    if len(failures) > room:
        failures[room - 1 :] = [[f"… and {len(failures) - room + 1} more"]]
    each = max(room // len(failures), 1) if failures else 0
    shown = [line for first, *rest in failures for line in (first, *rest[max(len(rest) - each + 1, 0) :])]
    return [line[:WIDTH] for line in shown] + table


def main(names: Sequence[str]) -> int:
    """Run these parts, and return the exit status."""
    parts = [run(name) for name in names]
    print("\n".join(summary(parts)), flush=True)
    return int(any(part.status for part in parts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
