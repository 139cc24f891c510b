"""What begins before anything slow is loaded: torch takes seconds to load, which pass beside the reading."""

import argparse
import multiprocessing
import os
import tempfile
from typing import Final

from forecasting.errors import FileError
from scoring.arguments import GRIDS, OUTPUTS, cores
from scoring.source import find_source

_LARGE_GRID: Final = 4_000_000
_LARGE_TABLE: Final = 256_000_000
"""Bytes of input from which several processes pay for their start."""


_LONGEST_FOLDER: Final = 70
"""Bytes of the name of the folder for temporary files: processes find each other by a socket in it, whose name may have
some hundred."""


def processes_for(options: argparse.Namespace) -> int:
    """How many processes a run uses besides the command's own; 0 where that alone is faster."""
    if options.cluster:
        return 0
    if options.processes is not None:
        return int(options.processes)
    grid = OUTPUTS.get(options.output.suffix.lower()) in GRIDS
    try:
        size = find_source(options.input, grid=grid).size
    except (FileError, OSError):
        return 0  # which is said once all else is loaded
    return cores() if size >= (_LARGE_GRID if grid else _LARGE_TABLE) and cores() > 1 else 0


def load_torch_aside() -> None:
    """Have another process begin to load torch, from which those that score are forked."""
    # One thread each: the pools of the numeric libraries would outnumber the cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import forkserver

        if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_FOLDER:
            tempfile.tempdir = "/tmp"  # noqa: S108
        forkserver.set_forkserver_preload(["scoring.preloaded"])
        forkserver.ensure_running()
