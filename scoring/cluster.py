"""A Dask cluster as engine: the chunks go out, the forecasts come back, and the command alone writes them."""

from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from itertools import islice
from typing import Any, Final

from distributed import Client, Future, as_completed

from scoring.engines import Outcome
from scoring.errors import ScoringError
from scoring.job import Failure, Job, Part, attempt

_AHEAD: Final = 2
"""Chunks in hand for each thread of the cluster, so that none waits for the next, and few results wait here."""


class Cluster:
    """The workers of a scheduler. One that dies is replaced by the others, as Dask does."""

    def __init__(self, address: str, patience: float = 10.0) -> None:
        """Connect to a scheduler; ``patience`` in seconds.

        Raises:
            ScoringError: if it does not answer.
        """
        self._address = address
        try:
            self._client = Client(address, timeout=patience, set_as_default=False)
        except (OSError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise ScoringError(f"no Dask scheduler answers at {address}: {said}") from None

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """See :class:`scoring.engines.Engine`."""
        waiting = iter(chunks)
        threads = sum(worker["nthreads"] for worker in self._client.scheduler_info(n_workers=-1)["workers"].values())
        chunk_of: dict[Any, int] = {}
        futures = as_completed(loop=self._client.loop, raise_errors=False)
        for chunk in islice(waiting, max(1, threads) * _AHEAD):
            futures.add(self._submit(job, chunk, chunk_of))
        for future in futures:
            yield chunk_of.pop(future.key), _outcome(future)
            for chunk in islice(waiting, 1):
                futures.add(self._submit(job, chunk, chunk_of))

    def close(self) -> None:
        """Leave the cluster as it was."""
        self._client.close()

    def _submit(self, job: Job, chunk: int, chunk_of: dict[Any, int]) -> "Future[Any]":
        # Not pure: what failed and is tried again is another task.
        future = self._client.submit(attempt, job, chunk, pure=False)
        chunk_of[future.key] = chunk
        return future


def _outcome(future: "Future[Any]") -> Part | Failure:
    try:
        found: Part | Failure = future.result()
    except (Exception, CancelledError) as error:
        # What ``attempt`` did not survive: a worker that died again and again, or another version of this program.
        said = " ".join(str(error).split())[:300]
        return Failure(f"{type(error).__name__}: {said}")
    return found
