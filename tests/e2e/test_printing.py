"""Commands whose reader closes the output early, as in ``| head -1``."""

import os
import subprocess
import sys

import pytest

from forecasting.console import OUTPUT_CLOSED, run_command
from tests.conftest import NINO12
from tests.zygote import Popen


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments", [("training", "inspect", str(NINO12)), ("training", "--help"), ("scoring", "--help")]
)
def test_a_command_ends_quietly_when_its_output_is_closed(arguments: tuple[str, ...], unbuffered: str) -> None:
    read, write = os.pipe()
    os.close(read)
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", *arguments]
    with Popen(command, stdout=write, stderr=subprocess.PIPE, text=True, env=environment) as process:
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
