"""Commands whose output nobody reads, as after ``| head -1``."""

import os
import subprocess
import sys

import pytest

from forecasting.printing import UNREAD, until_unread
from tests.conftest import NINO12


@pytest.mark.parametrize(
    "arguments", [("training", "inspect", str(NINO12)), ("training", "--help"), ("scoring", "--help")]
)
def test_a_command_whose_output_is_not_read_ends_quietly(arguments: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (UNREAD, "")


def _breaks() -> int:
    raise BrokenPipeError


def test_a_pipe_that_breaks_elsewhere_is_not_taken_for_the_output() -> None:
    with pytest.raises(BrokenPipeError):
        until_unread(_breaks)
