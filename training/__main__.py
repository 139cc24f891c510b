"""``python -m training``."""

import signal
import sys
from typing import NoReturn

from training.cli import main


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    # A termination cleans up as an interruption from the keyboard does.
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
