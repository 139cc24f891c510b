"""The start of a run, before slow imports: another process loads torch, which takes seconds, while this one reads."""

import argparse
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, cast

from forecasting.console import Program
from forecasting.errors import FileError, ReleaseError
from scoring.cli.arguments import GRIDS, OUTPUTS, cores
from scoring.source import find_source

if TYPE_CHECKING:
    from forecasting.releases.catalog import Selection
    from forecasting.releases.trust import TrustedKeys

_LARGE_GRID: Final = 4_000_000
_LARGE_TABLE: Final = 256_000_000
"""Input sizes in bytes above which several processes are worth their start-up time."""


_IN_WORKERS: Final = [
    "forecasting.models.place.forecaster", "forecasting.models.universal.model", "scoring.engine", "scoring.grids.job",
]  # fmt: skip
"""Modules that every worker process needs, loaded once in the process that the workers are forked from."""

_LONGEST_FOLDER: Final = 70
"""Bytes in the path of the temporary folder: it holds a socket, whose path is limited to about a hundred bytes."""


def processes_for(options: argparse.Namespace) -> int:
    """Return the number of worker processes of a run; 0 if this process alone is faster."""
    if options.cluster:
        return 0
    if options.processes is not None:
        return int(options.processes)
    grid = _is_grid(options)
    try:
        size = find_source([Path(given) for given in options.input], grid=grid).size
    except (FileError, OSError):
        return 0  # reported later, after the imports
    return cores() if size >= (_LARGE_GRID if grid else _LARGE_TABLE) and cores() > 1 else 0


def _is_grid(options: argparse.Namespace) -> bool:
    if "append" not in options:
        return True  # an outlook
    return options.append is None and OUTPUTS.get(options.output.suffix.lower()) in GRIDS


def leave_out_dask() -> None:
    """Make xarray work as if dask were not installed.

    Otherwise xarray imports it, and the client of clusters with it: a second of a core for arrays that are never made.
    """
    if "xarray" not in sys.modules:  # once imported, it remembers what is installed
        sys.modules.setdefault("dask", cast(ModuleType, None))


def load_torch_aside(options: argparse.Namespace) -> None:
    """Start loading torch, and what else workers need, in the process that they are forked from."""
    # One thread each: otherwise the libraries' thread pools outnumber the cores.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if "forkserver" in multiprocessing.get_all_start_methods():
        from multiprocessing import forkserver

        if len(os.fsencode(tempfile.gettempdir())) > _LONGEST_FOLDER:
            tempfile.tempdir = "/tmp"  # noqa: S108
        forkserver.set_forkserver_preload(_IN_WORKERS if _is_grid(options) else [*_IN_WORKERS, "scoring.tables.job"])
        forkserver.ensure_running()


def selection_of(options: argparse.Namespace, program: Program, device: str = "cpu") -> "Selection":
    """Find the models that the options name, which load on first use."""
    from forecasting.releases.catalog import Catalog
    from forecasting.releases.trust import TrustedKeys

    trusted = TrustedKeys.chosen(options.trusted_key)
    folder = _releases_folder(options.artifacts, trusted, program)
    return Catalog.open(folder, device, trusted=trusted, lazy=True).select(options.model, options.dataset)


def _releases_folder(artifacts: Path | str, trusted: "TrustedKeys | None", program: Program) -> Path:
    """Return the folder of releases; those at a URL are copied to the cache first.

    If that is not possible, what was copied before is used, with a warning.
    """
    if isinstance(artifacts, Path):
        return artifacts
    from forecasting.releases.remote.mirror import Mirror, chosen_cache

    mirror = Mirror(artifacts, chosen_cache(), trusted)
    try:
        mirror.refresh(0.0, wait=True)
    except ReleaseError as error:
        if mirror.is_empty:
            raise
        program.say(f"using the releases that were copied before: {error}")
    return mirror.folder
