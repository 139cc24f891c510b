"""A Dask cluster as engine: its workers score chunks and send back forecasts, which only this process writes."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from itertools import islice
from typing import Any, Final

from distributed import Client, Future, as_completed

from scoring.engines.engine import Outcome
from scoring.errors import ScoringError
from scoring.work.job import Failure, Job, Part, try_chunk

_AHEAD: Final = 2
"""Chunks submitted per thread of the cluster: enough that no thread waits, few enough that results do not pile up."""


class Cluster:
    """The workers of a Dask scheduler. Dask reschedules the chunks of a worker that dies."""

    def __init__(self, address: str, say: Callable[[str], None], patience: float = 10.0) -> None:
        """Connect to the scheduler at ``address``.

        Args:
            address: such as ``tcp://HOST:8786``.
            say: prints a message for the user.
            patience: seconds to wait for an answer.

        Raises:
            ScoringError: if the scheduler does not answer.
        """
        # Connection errors are reported below, in one sentence.
        for part in ("client", "batched", "comm"):
            logging.getLogger(f"distributed.{part}").setLevel(logging.CRITICAL)
        self._address = address
        self._say = say
        try:
            self._client = Client(address, timeout=patience, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ScoringError(f"no Dask scheduler responds at {address}: {reason}") from None

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """See :class:`scoring.engines.engine.Engine`.

        Raises:
            ConnectionError: if the connection to the scheduler is lost.
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
                # Not the chunk's fault: every submitted chunk is lost with the connection.
                raise self._is_gone() from None
            yield chunk_of.pop(future.key), outcome
            self._hand_out(job, waiting, chunk_of, futures)

    def close(self) -> None:
        """Disconnect; the cluster keeps running."""
        self._client.close()

    def _threads(self) -> int:
        """Return the number of threads of all current workers, which may come and go during a run."""
        info = self._client.scheduler_info(n_workers=-1)
        if "workers" not in info:
            raise self._is_gone()
        return sum(worker["nthreads"] for worker in info["workers"].values())

    def _is_gone(self) -> ConnectionError:
        return ConnectionError(f"lost the connection to the Dask scheduler at {self._address}")

    def _hand_out(self, job: Job, waiting: Iterator[int], chunk_of: dict[Any, int], futures: as_completed) -> None:
        for chunk in islice(waiting, max(0, max(1, self._threads()) * _AHEAD - len(chunk_of))):
            # Not pure, so that a retried chunk is a new task.
            future = self._client.submit(try_chunk, job, chunk, pure=False)
            chunk_of[future.key] = chunk
            futures.add(future)


def _outcome(future: "Future[Any]") -> Part | Failure:
    """Return the part of the output, or why the chunk failed.

    Raises:
        OSError: if the connection to the scheduler broke.
        CancelledError: if the client cancelled the chunk because the connection broke.
    """
    try:
        result: Part | Failure = future.result()
    except (OSError, CancelledError):
        raise
    except Exception as error:
        # Errors that `try_chunk` cannot catch: a worker that keeps dying, or one with another version of this program.
        reason = " ".join(str(error).split())[:300]
        return Failure(f"{type(error).__name__}: {reason}")
    return result
