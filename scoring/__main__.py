"""``python -m scoring``."""

import io
import signal
import sys
from typing import NoReturn

from forecasting.console import run_command
from forecasting.extras import exit_without_extra
from scoring.cli.arguments import parse
from scoring.cli.start import load_torch_aside, processes_for


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _score() -> int:
    options = parse(sys.argv[1:])
    # Modules that read and write are imported later, depending on the input.
    with exit_without_extra("scoring", "Batch scoring"):
        if processes_for(options):
            load_torch_aside()
        from scoring.cli.command import main

        return main(options)


def _run() -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal without UTF-8 must not end the run; standard error escapes such characters anyway.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return run_command(_score)
    except KeyboardInterrupt:
        print("scoring: interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"scoring: stopped: {error}; run the same command again to resume", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(_run())
