"""``python -m service.station_cli``: another spelling of ``sst station``."""

import sys

from service.station_cli import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
