"""Commands whose reader closes the output early, as in ``| head -1``."""

import os
import subprocess
import sys

import pytest

from forecasting.console import OUTPUT_CLOSED, run_command
from tests.conftest import NINO12
from tests.forks import Process


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "unbuffered"),
    [
        (("training", "inspect", str(NINO12)), ""),
        (("training", "inspect", str(NINO12)), "1"),
        (("training", "--help"), ""),
        (("scoring", "--help"), "1"),
    ],
)
def test_a_command_ends_quietly_when_its_output_is_closed(arguments: tuple[str, ...], unbuffered: str) -> None:
    read, write = os.pipe()
    os.close(read)
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", *arguments]
    with Process(command, stdout=write, stderr=subprocess.PIPE, env=environment) as process:
        os.close(write)
        _, errors = process.communicate()
    assert errors == ""
    # argparse ignores a closed output.
    assert process.returncode == (0 if unbuffered and "--help" in arguments else OUTPUT_CLOSED)


def _breaks() -> int:
    raise BrokenPipeError


def test_a_pipe_that_breaks_elsewhere_is_not_mistaken_for_the_output() -> None:
    with pytest.raises(BrokenPipeError):
        run_command(_breaks)
