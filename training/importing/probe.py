"""Load and try a module in a separate process, which may hang or crash without harm.

It is no sandbox: it protects from accidents, not from a module that was made to do harm.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

import torch

from forecasting.errors import ReleaseError
from forecasting.networks.checkpoint import load_module
from forecasting.networks.device import CPU
from forecasting.process_limits import limit_memory
from forecasting.series.sst_series import SstSeries
from training.importing.contract import check_contract

MEMORY: Final = 4 * 2**30
"""Bytes for the process, beyond the size of the file."""


@dataclass(frozen=True)
class Request:
    """A module to try.

    Attributes:
        content: of its file.
        series: to try it on.
        horizon: number of leads.
    """

    content: bytes
    series: SstSeries
    horizon: int


def answer(request: Request) -> dict[str, Any]:
    """Return the fields of :class:`~training.importing.contract.Facts`, or ``problem``."""
    try:
        module, _ = load_module(request.content, CPU)
        return asdict(check_contract(module, request.series, request.horizon))
    except ReleaseError as error:
        return {"problem": str(error)}
    except MemoryError:
        return {"problem": "it needs too much memory"}


def run(request: Request, parent: Connection) -> None:
    """Answer one request, as JSON, in a process that was started for it."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)  # what a module prints
    os.dup2(silence, 2)
    torch.set_num_threads(1)
    _forbid_writing()
    limit_memory(MEMORY + 3 * len(request.content))
    parent.send_bytes(json.dumps(answer(request)).encode())


def _forbid_writing() -> None:
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
