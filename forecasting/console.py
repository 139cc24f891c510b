"""Commands whose reader may stop before the end, such as ``| head -1``."""

import os
import select
import sys
from collections.abc import Callable
from typing import Final

from forecasting.remedies import Setting

UNREAD: Final = 141
"""Exit status that a shell reports for a program ended by SIGPIPE."""


def in_command_line(setting: Setting) -> str:
    """Write an option of reading as an option of a command line: ``--units kelvin``."""
    return f"--{setting.option.replace('_', '-')} {setting.text}".rstrip()


def until_unread(command: Callable[[], int]) -> int:
    """Run a command and flush its output; end quietly if the output is no longer read.

    Returns:
        The exit status of the command, or :data:`UNREAD`.
    """
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _is_unread():
            raise  # of another pipe, such as one to a subprocess
        return UNREAD


def _is_unread() -> bool:
    """Whether the standard output is no longer read; if so, discard the rest of it."""
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
    # Nothing imports sst, so it is loaded only where it is the command that runs.
    return f"sst {sst_command}" if "sst" in sys.modules else f"python -m {module}"
