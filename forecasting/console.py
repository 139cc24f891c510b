"""Shared by the command lines: how they name themselves, write options, and end when their output is closed."""

import os
import select
import sys
from collections.abc import Callable
from typing import Final

from forecasting.remedies import Setting

OUTPUT_CLOSED: Final = 141
"""Exit status that a shell reports for a program ended by SIGPIPE."""


def in_command_line(setting: Setting) -> str:
    """Write a reading option as a command-line option: ``--units kelvin``."""
    return f"--{setting.option.replace('_', '-')} {setting.text}".rstrip()


def run_command(command: Callable[[], int]) -> int:
    """Run a command and flush its output; end quietly if the reader closes it early, as ``| head -1`` does.

    Returns:
        The exit status of the command, or :data:`OUTPUT_CLOSED`.
    """
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _is_output_closed():
            raise  # another pipe broke, such as one to a subprocess
        return OUTPUT_CLOSED


def _is_output_closed() -> bool:
    """Return whether the reader has closed the standard output; if so, discard the rest of it."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    if not output.poll(0):  # poll reports errors without being asked to
        return False
    discard_output()
    return True


def discard_output() -> None:
    """Discard the rest of the standard output, so that flushing it at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def command_name(sst_command: str, module: str) -> str:
    """Return what the user typed to start this program, for help and messages.

    Args:
        sst_command: the command of ``sst``, as in ``sst serve``.
        module: what follows ``python -m``, as in ``python -m service``.
    """
    # No module imports sst, so it is loaded only if it is the running command.
    return f"sst {sst_command}" if "sst" in sys.modules else f"python -m {module}"
