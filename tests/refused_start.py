"""A start of the service that is refused, in this process: a new one takes seconds to import what it needs."""

import os
import sys
from unittest.mock import patch

import pytest

from service.__main__ import main


def refused_start(capsys: pytest.CaptureFixture[str], *arguments: str, **settings: str) -> list[str]:
    """Start the service with these settings (named without ``SST_``), and return the lines that it prints.

    It has to exit with 2 and print nothing to standard output. The log format is ``text`` unless they name another.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SST_")}
    environment |= {f"SST_{name.upper()}": value for name, value in ({"log_format": "text"} | settings).items()}
    # It names itself after ``python -m service``, even if another test has imported the command sst.
    command = sys.modules.pop("sst", None)
    try:
        # The program turns its options into environment variables.
        with patch.dict(os.environ, environment, clear=True):
            status = main(list(arguments))
    finally:
        if command is not None:
            sys.modules["sst"] = command
    printed = capsys.readouterr()
    assert (status, printed.out) == (2, "")
    return printed.err.splitlines()
