"""Commands whose output someone else may stop reading, as ``| head -1`` does."""

import os
import select
import sys
from collections.abc import Callable
from typing import Final

UNREAD: Final = 141
"""Exit status of a program that SIGPIPE ends, as a shell tells it."""


def until_unread(command: Callable[[], int]) -> int:
    """Run a command and write out what it printed; ends quietly where nobody reads that any more.

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
            raise  # of another pipe, as to a process of the command's own
        return UNREAD


def _is_unread() -> bool:
    """Whether nobody reads the standard output, which is given up then."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    if not output.poll(0):  # an error is told unasked
        return False
    give_up_output()
    return True


def give_up_output() -> None:
    """What is left of the standard output goes nowhere, and does not fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
