"""``python -m scoring``: another spelling of ``sst score`` and ``sst verify``."""

from sst import run_module

if __name__ == "__main__":
    run_module("scoring", "score")
