"""``python -m training``."""

import signal
import sys
from typing import NoReturn

from forecasting.console import run_command
from training.cli.programs import program_of


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _run() -> int:
    # SIGTERM cleans up like Ctrl-C, also while the modules load.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from training.cli.main import main

        return run_command(main)
    except KeyboardInterrupt:
        program_of(sys.argv[1:]).say("interrupted; nothing was published or replaced")
        return 130


if __name__ == "__main__":
    sys.exit(_run())
