"""``python -m training``."""

import signal
import sys
from typing import NoReturn


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _run() -> int:
    # SIGTERM cleans up like Ctrl-C. Imports come after it, because torch takes seconds to load and the program may be
    # interrupted meanwhile.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        from forecasting.console import run_command

        return run_command(_command)
    except KeyboardInterrupt:
        print("training: interrupted; nothing was published or replaced", file=sys.stderr)
        return 130


def _command() -> int:
    from forecasting.extras import exit_without_extra

    if sys.argv[1:2] == ["release"]:
        # Most of its subcommands work without the extra.
        from training.cli.release.command import main as release
        from training.cli.status import status_of

        return status_of(lambda: release(sys.argv[2:]))
    with exit_without_extra("training", "Training"):
        from training.cli.main import main

    return main()


if __name__ == "__main__":
    sys.exit(_run())
