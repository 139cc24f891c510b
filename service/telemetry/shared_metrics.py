"""The files in which workers share their metrics, allocated in full before the first worker starts.

prometheus_client maps them into memory. A write to a page that the disk has no room for kills the process with SIGBUS.
If the files could grow, anything that fills the disk would kill all workers, one by one.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import values

from forecasting.errors import RequestError

_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

_SIZES: Final = {"counter": 2**16, "histogram": 2**20, "gauge_livesum": 2**16, "gauge_livemax": 2**18}
"""Bytes of a worker's files, by kind: more than all routes and statuses need."""


@contextmanager
def shared_by_workers(workers: int) -> Iterator[None]:
    """Within this context, let worker processes that start share their metrics through a temporary folder.

    Raises:
        RequestError: if there is no room for the files.
    """
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sst-metrics-")))
            for place in range(workers):
                for kind, size in _SIZES.items():
                    (folder / f"{kind}_{place}.db").write_bytes(bytes(size))
        except OSError as error:
            where = tempfile.tempdir or "the folder of temporary files"
            needed = workers * sum(_SIZES.values()) / 2**20
            raise RequestError(
                f"{where} has no room for the {needed:.1f} MiB that {workers} workers share: {error.strerror}; free "
                "some space, or set TMPDIR to another folder",
                field="workers",
            ) from None
        os.environ[_FOLDER] = str(folder)
        stack.callback(os.environ.pop, _FOLDER)
        yield


def begin_worker(place: int) -> None:
    """Let this process count in the files of worker ``place``, from 0. Call it before creating any metrics."""
    values.ValueClass = values.MultiProcessValue(lambda: place)


def worker_ended(place: int) -> None:
    """Clear the gauges of a worker that ended (requests in flight, models). Its counts stay.

    The next worker in that ``place`` continues them.
    """
    for path in Path(os.environ[_FOLDER]).glob(f"gauge_live*_{place}.db"):
        with path.open("r+b") as file:
            # The first bytes say how much of the file is used.
            file.write(bytes(8))
