"""``python -m scoring``: another spelling of ``sst score`` and ``sst verify``."""

import sys

from scoring.cli import run

if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(run(arguments if arguments[:1] == ["verify"] else ["score", *arguments]))
