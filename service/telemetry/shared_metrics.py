"""The files in which workers share what they count: all there, and all of their room taken, before the first begins.

prometheus_client writes to them through memory. A write to a page for which the disk has no room ends the process by
SIGBUS, and so it would every worker of a service, one by one, whenever something else fills the disk.
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
"""Bytes of a worker's files, by what they hold: more than all routes and statuses that there are take."""


@contextmanager
def shared_by_workers(workers: int) -> Iterator[None]:
    """Have the worker processes that start within share their metrics through a folder that is gone afterwards.

    Raises:
        RequestError: if there is no room for it.
    """
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sst-metrics-")))
            for place in range(workers):
                for kind, size in _SIZES.items():
                    (folder / f"{kind}_{place}.db").write_bytes(bytes(size))
        except OSError as error:
            where = tempfile.tempdir or "the folder for temporary files"
            needed = workers * sum(_SIZES.values()) / 2**20
            raise RequestError(
                f"{where} cannot take the {needed:.1f} MiB that {workers} workers share: {error.strerror}; make "
                "room, or name another folder in TMPDIR",
                field="workers",
            ) from None
        os.environ[_FOLDER] = str(folder)
        stack.callback(os.environ.pop, _FOLDER)
        yield


def begin_worker(place: int) -> None:
    """Have this process count in the files of one of the workers' places, from 0; before it has any metrics."""
    values.ValueClass = values.MultiProcessValue(lambda: place)


def worker_ended(place: int) -> None:
    """Forget what the worker in a place held when it ended (requests in flight, models); its counts stay.

    The next one in that place goes on with them.
    """
    for path in Path(os.environ[_FOLDER]).glob(f"gauge_live*_{place}.db"):
        with path.open("r+b") as file:
            # They begin with how much of them is used.
            file.write(bytes(8))
