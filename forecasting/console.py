"""Shared by the command lines: how they name themselves, write options, and end when their output is closed."""

import io
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Final, NamedTuple

from forecasting.remedies import Setting

OUTPUT_CLOSED: Final = 141
"""Exit status that a shell reports for a program ended by SIGPIPE."""


def in_command_line(setting: Setting) -> str:
    """Write a reading option as a command-line option: ``--units kelvin``."""
    return f"--{setting.option.replace('_', '-')} {setting.text}".rstrip()


def end_like_ctrl_c() -> None:
    """Raise KeyboardInterrupt on SIGTERM too, so that a command that is ended cleans up, also while it imports."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def run_command(command: Callable[[], int]) -> int:
    """Run a command and flush its output; end quietly if the reader closes it early, as ``| head -1`` does.

    Returns:
        The exit status of the command, or :data:`OUTPUT_CLOSED`.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without UTF-8 must not end the run; standard error escapes such characters anyway.
        sys.stdout.reconfigure(errors="backslashreplace")
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


class Program(NamedTuple):
    """A program on the command line, and the two ways to run it.

    Attributes:
        sst_command: what follows ``sst``, as in ``sst serve``.
        module: what follows ``python -m``, as in ``python -m service``.
    """

    sst_command: str
    module: str

    @property
    def name(self) -> str:
        """What the user typed to run it, for help: ``sst inspect`` or ``python -m training inspect``."""
        return f"sst {self.sst_command}" if _is_sst() else f"python -m {self.module}"

    def subcommand(self, *words: str) -> "Program":
        """Return the program that ``words`` after this one run."""
        return Program(" ".join((self.sst_command, *words)), " ".join((self.module, *words)))

    def say(self, message: str) -> None:
        """Write a message to standard error, after the name: ``sst inspect: …`` or ``training inspect: …``."""
        name = self.name if _is_sst() else self.module
        sys.stderr.write(f"{name}: {message}\n")


def _is_sst() -> bool:
    # No module imports sst, so it is loaded only if it is the running command.
    return "sst" in sys.modules
