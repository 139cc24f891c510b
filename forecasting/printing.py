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
    """Whether nobody reads the standard output; what is left of it then goes nowhere, and nothing fails at the end."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)
    if not output.poll(0):  # an error is told unasked
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True
