"""``python -m scoring``: another spelling of ``sst score``, ``verify``, ``forecast`` and ``events``."""

from sst import run_module

if __name__ == "__main__":
    run_module("scoring", "score")
