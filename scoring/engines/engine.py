"""Engines score chunks. An engine only computes.

Only the command writes, so a process that outlives a killed command cannot spoil anything.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from scoring.work.job import Failure, Job, Part

Outcome = tuple[int, Part | Failure]
"""The number of a chunk, with its part of the output or the reason why it failed."""


class Engine(Protocol):
    """Scores chunks, in any order."""

    def run(self, job: Job, chunks: Iterable[int]) -> Iterator[Outcome]:
        """Score each of ``chunks`` once."""

    def close(self) -> None:
        """Release all resources."""
