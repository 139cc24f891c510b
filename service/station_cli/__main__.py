"""``python -m service.station_cli``: another spelling of ``sst station``."""

from sst import run_module

if __name__ == "__main__":
    run_module("service.station_cli", "station")
