"""``python -m training``."""

import sys

from forecasting.console import end_like_ctrl_c, run_command
from training.cli.programs import program_of


def _run() -> int:
    end_like_ctrl_c()
    try:
        from training.cli.main import main

        return run_command(main)
    except KeyboardInterrupt:
        program_of(sys.argv[1:]).say("interrupted; nothing was published or replaced")
        return 130


if __name__ == "__main__":
    sys.exit(_run())
