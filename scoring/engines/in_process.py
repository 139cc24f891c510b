"""An engine without other processes."""

from collections.abc import Iterable, Iterator

from scoring.engines.engine import Outcome
from scoring.work.job import Job, try_chunk


class InProcess:
    """Scores chunks in this process, one after another."""

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """See :class:`Engine`."""
        for chunk in chunks:
            yield chunk, try_chunk(job, chunk)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
