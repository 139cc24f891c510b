"""``python -m training``: another spelling of ``sst train``, ``fetch``, ``inspect`` and ``release``."""

import sys

from training.cli import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
