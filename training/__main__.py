"""``python -m training``: another spelling of ``sst train``, ``fetch``, ``inspect`` and ``release``."""

from sst import run_module

if __name__ == "__main__":
    run_module("training", "train")
