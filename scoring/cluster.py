"""A Dask cluster as engine: the chunks go out, the forecasts come back, and the command alone writes them."""

import logging
from collections.abc import Callable, Iterable, Iterator
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

    def __init__(self, address: str, say: Callable[[str], None], patience: float = 10.0) -> None:
        """Connect to a scheduler; ``patience`` in seconds.

        Raises:
            ScoringError: if it does not answer.
        """
        # What becomes of the connection is said here, in a sentence.
        for part in ("client", "batched", "comm"):
            logging.getLogger(f"distributed.{part}").setLevel(logging.CRITICAL)
        self._address = address
        self._say = say
        try:
            self._client = Client(address, timeout=patience, set_as_default=False)
        except (OSError, ValueError) as error:
            said = " ".join(str(error).split())[:200]
            raise ScoringError(f"no Dask scheduler answers at {address}: {said}") from None

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """See :class:`scoring.engines.Engine`.

        Raises:
            ConnectionError: if the scheduler is gone.
        """
        waiting = iter(chunks)
        chunk_of: dict[Any, int] = {}
        futures = as_completed(loop=self._client.loop, raise_errors=False)
        if not self._threads():
            self._say(f"the scheduler at {self._address} has no workers yet; waiting for the first")
        self._hand_out(job, waiting, chunk_of, futures)
        for future in futures:
            try:
                outcome = _outcome(future)
            except (OSError, CancelledError):
                # Nothing is wrong with the chunk: all that were in hand are given up together.
                raise self._is_gone() from None
            yield chunk_of.pop(future.key), outcome
            self._hand_out(job, waiting, chunk_of, futures)

    def close(self) -> None:
        """Leave the cluster as it was."""
        self._client.close()

    def _threads(self) -> int:
        """Of all workers: they may come and go while a run lasts."""
        info = self._client.scheduler_info(n_workers=-1)
        if "workers" not in info:
            raise self._is_gone()
        return sum(worker["nthreads"] for worker in info["workers"].values())

    def _is_gone(self) -> ConnectionError:
        return ConnectionError(f"the Dask scheduler at {self._address} is gone")

    def _hand_out(self, job: Job, waiting: Iterator[int], chunk_of: dict[Any, int], futures: as_completed) -> None:
        for chunk in islice(waiting, max(0, max(1, self._threads()) * _AHEAD - len(chunk_of))):
            # Not pure: what failed and is tried again is another task.
            future = self._client.submit(attempt, job, chunk, pure=False)
            chunk_of[future.key] = chunk
            futures.add(future)


def _outcome(future: "Future[Any]") -> Part | Failure:
    """What became of a chunk.

    Raises:
        OSError: where the connection to the scheduler broke, of which the client may hear only later.
        CancelledError: where the client gave the chunk up for that.
    """
    try:
        found: Part | Failure = future.result()
    except (OSError, CancelledError):
        raise
    except Exception as error:
        # What ``attempt`` did not survive: a worker that died again and again, or another version of this program.
        said = " ".join(str(error).split())[:300]
        return Failure(f"{type(error).__name__}: {said}")
    return found
