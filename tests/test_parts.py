"""The end of a run of ``.ci/parts.py`` says what failed, and how long each part took."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

MAKEFILE = f"""
bad good:
\t{sys.executable} -m pytest -p no:cacheprovider test_$@.py --junit-xml=$(REPORT)
broken:
\t@seq 100; echo cannot link; exit 3
"""
TESTS = """
import pytest

@pytest.mark.parametrize("cold", range({count}))
def test_the_sea_is_warm(cold):
    assert cold == 100, "too cold"
"""


def run(folder: Path, *parts: str) -> tuple[int, list[str]]:
    """Run parts of a small project, and return the status and the last lines."""
    (folder / "Makefile").write_text(MAKEFILE)
    ran = subprocess.run(
        [sys.executable, ROOT / ".ci" / "parts.py", *parts], cwd=folder, capture_output=True, text=True
    )
    return ran.returncode, ran.stdout.splitlines()[-60:]


def test_failing_tests_and_parts_are_named_with_the_reason_and_the_others_run(tmp_path: Path) -> None:
    (tmp_path / "test_bad.py").write_text(TESTS.format(count=2))
    (tmp_path / "test_good.py").write_text("def test_it(): pass\n")
    status, lines = run(tmp_path, "bad", "broken", "good")
    assert status == 1
    assert "bad: test_bad.py::test_the_sea_is_warm[0]: AssertionError: too cold" in lines
    assert "    assert 1 == 100" in lines
    assert "    cannot link" in lines
    table = [line.split() for line in lines[-4:]]
    assert [row[:2] for row in table] == [
        ["bad", "FAILED"],
        ["broken", "FAILED"],
        ["good", "passed"],
        ["all", table[3][1]],
    ]
    assert [row[3] for row in table[:3]] == ["s", "s", "s"]


def test_a_run_with_many_failures_still_ends_with_the_parts(tmp_path: Path) -> None:
    (tmp_path / "test_bad.py").write_text(TESTS.format(count=90))
    status, lines = run(tmp_path, "bad")
    assert status == 1
    assert "bad: test_bad.py::test_the_sea_is_warm[50]: AssertionError: too cold" in lines
    assert "… and 34 more" in lines
    assert lines[-2].startswith("bad ")
